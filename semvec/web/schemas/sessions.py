"""Requests about sessions."""

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
    """A permanent anchor."""

    embedding: Embedding
    """Vector of the anchor."""
    weight: Annotated[float, Field(ge=0.0, le=1e6)] = 1.0
    """Weight relative to the other anchors."""
    label: TextField | None = None
    """Display name."""


class CreateSessionRequest(Body):
    """A session to create; every field is optional."""

    session_id: NewId | None = None
    """Letters, digits, `_` and `-`; without it the server chooses an id."""
    dimension: Annotated[int, Field(ge=1, le=LARGEST_DIMENSION), WHOLE] | None = None
    """Length of the session's vectors; by default the embedder's."""
    model_name: TextField | None = None
    """Model that the vectors come from."""
    enable_topic_switch: bool = True
    """Whether the state adapts faster to a new subject once drift is detected."""
    template_embedding: Embedding | None = None
    """Initial state."""
    policy_vectors: Annotated[list[PolicyVector], Field(max_length=256)] | None = None
    """Permanent anchors of the session."""
    long_term_memories: Annotated[int, Field(ge=1, le=2**31 - 1), WHOLE] | None = None
    """Capacity of the long-term tier; further memories go to the archive. By default the server's
    setting."""


class SessionListQuery(Query):
    limit: Annotated[int, Field(ge=1, le=1000)] = 100
    """Maximum number of items on the page."""
    cursor: Cursor | None = None
    """`X-Next-Cursor` of the previous page."""
