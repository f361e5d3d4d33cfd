"""Requests that read a session's state."""

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
    """Text to recall for."""
    top_k: Annotated[int, Field(ge=1, le=50), WHOLE] = 5
    """Most memories in the answer."""
    full_first: bool = False
    """Whether the first memory is returned in full."""
    max_text_chars: Annotated[int, Field(ge=1, le=100_000), WHOLE] = 500
    """Maximum characters of a memory's text; a longer one is cut and marked `truncated`."""


class ContextRequest(ContextQuery):
    """The fields of the query string, and an optional vector of `q`."""

    model_config = ConfigDict(strict=True)

    q_embedding: Embedding | None = None
    """Vector of `q`; without it the server encodes the text."""
