"""Requests that look at a session's state."""

from typing import Annotated

from pydantic import ConfigDict, Field

from semvec.web.schemas.fields import WHOLE, Drawn, Embedding, Query, TextField


class MetricsQuery(Query):
    session_id: TextField
    """The session."""


class ContextQuery(Query):
    session_id: TextField
    """The session."""
    q: Annotated[TextField, Field(max_length=8192), *Drawn] | None = None
    """What to recall for."""
    top_k: Annotated[int, Field(ge=1, le=50), WHOLE] = 5
    """Most memories in the answer."""
    full_first: bool = False
    """Whether the first memory comes whole."""
    max_text_chars: Annotated[int, Field(ge=1, le=100_000), WHOLE] = 500
    """Where the text of a memory is cut; one that is cut says so in `truncated`."""


class ContextRequest(ContextQuery):
    """What the query string takes, and a ready embedding of `q`."""

    model_config = ConfigDict(strict=True)

    q_embedding: Embedding | None = None
    """A vector of `q`; without it the text is encoded here."""
