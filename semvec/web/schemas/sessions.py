"""Requests about sessions as such."""

from typing import Annotated

from pydantic import Field

from semvec.web.schemas.fields import (
    LARGEST_DIMENSION,
    WHOLE,
    Body,
    Cursor,
    Embedding,
    NewId,
    Query,
    TextField,
)


class PolicyVector(Body):
    """A standing anchor."""

    embedding: Embedding
    """Its direction."""
    weight: Annotated[float, Field(ge=0.0, le=1e6)] = 1.0
    """How much it pulls beside the others."""
    label: TextField | None = None
    """A name for people."""


class CreateSessionRequest(Body):
    """A session to make; every field may be left out."""

    session_id: NewId | None = None
    """Letters, digits, `_` and `-`; without it an id is made up."""
    dimension: Annotated[int, Field(ge=1, le=LARGEST_DIMENSION), WHOLE] | None = None
    """Length of its vectors; without it the embedder's."""
    model_name: TextField | None = None
    """The model its vectors come from."""
    enable_topic_switch: bool = True
    """Whether the state turns faster to a new subject once drift is detected."""
    template_embedding: Embedding | None = None
    """Where the state starts."""
    policy_vectors: Annotated[list[PolicyVector], Field(max_length=256)] | None = None
    """Standing anchors of the session."""
    long_term_memories: Annotated[int, Field(ge=1, le=2**31 - 1), WHOLE] | None = None
    """Most memories of the long-term tier, past which the archive begins; without it as many as the
    server is set to."""


class SessionListQuery(Query):
    limit: Annotated[int, Field(ge=1, le=1000)] = 100
    """Most items on the page."""
    cursor: Cursor | None = None
    """`X-Next-Cursor` of the page before."""
