"""Requests that look at a session's state."""

from typing import Annotated

from pydantic import ConfigDict, Field

from semvec.web.schemas.fields import Embedding, Query, Text


class MetricsQuery(Query):
    session_id: Text


class ContextQuery(Query):
    session_id: Text
    q: Annotated[Text, Field(max_length=8192)] | None = None
    top_k: Annotated[int, Field(ge=1, le=50)] = 5
    full_first: bool = False
    max_text_chars: Annotated[int, Field(ge=1, le=100_000)] = 500


class ContextRequest(ContextQuery):
    """What the query string takes, and a ready embedding of `q`."""

    model_config = ConfigDict(strict=True)

    q_embedding: Embedding | None = None
