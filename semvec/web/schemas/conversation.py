"""Requests that carry on a conversation."""

from typing import Annotated

from pydantic import Field

from semvec.web.schemas.fields import Body, Embedding, NewId, Text


class RunRequest(Body):
    """One message, with the answer to the one before it where there is one."""

    message: Annotated[Text, Field(min_length=1)]
    session_id: NewId | None = None
    response: Text | None = None
    short_circuit_threshold: Annotated[float, Field(ge=-1.0, le=1.0)] = 0.85
    reset_context: bool = False
    learn: bool = True
    message_embedding: Embedding | None = None
    response_embedding: Embedding | None = None


class StoreRequest(Body):
    """One response to remember."""

    session_id: Text
    response: Annotated[Text, Field(min_length=1)]
    response_embedding: Embedding | None = None
