"""Requests about sessions as such."""

from typing import Annotated

from pydantic import Field

from semvec.web.schemas.fields import Body, Embedding, NewId, Query, Text


class PolicyVector(Body):
    """A standing anchor."""

    embedding: Embedding
    weight: Annotated[float, Field(ge=0.0, le=1e6)] = 1.0
    label: Text | None = None


class CreateSessionRequest(Body):
    session_id: NewId | None = None
    dimension: Annotated[int, Field(ge=1, le=16384)] | None = None
    model_name: Text | None = None
    enable_topic_switch: bool = True
    template_embedding: Embedding | None = None
    policy_vectors: Annotated[list[PolicyVector], Field(max_length=256)] | None = None
    long_term_memories: Annotated[int, Field(ge=1, le=2**31 - 1)] | None = None


class SessionListQuery(Query):
    limit: Annotated[int, Field(ge=1, le=1000)] = 100
    cursor: Text | None = None
