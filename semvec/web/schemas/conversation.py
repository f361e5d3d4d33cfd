"""Requests of a conversation."""

from typing import Annotated

from pydantic import Field

from semvec.web.schemas.fields import Body, DrawnOrEmpty, Embedding, NewId, Prose, Speech, TextField


class RunRequest(Body):
    """A message, optionally with the answer to the message before it."""

    message: Speech
    """The message. It is the query for recall, and stays pending until its answer arrives."""
    session_id: NewId | None = None
    """An existing session; without it a new one is created."""
    response: Annotated[Prose, *DrawnOrEmpty] | None = None
    """The answer to the previous message; both become one memory."""
    short_circuit_threshold: Annotated[float, Field(ge=-1.0, le=1.0)] = 0.85
    """Minimum cosine for `short_circuit`: a remembered answer may replace a new one."""
    reset_context: bool = False
    """Begin a new subject: the previous message stays without an answer. Nothing is forgotten."""
    learn: bool = True
    """If false, memories are recalled and drift is scored, but nothing is learnt."""
    message_embedding: Embedding | None = None
    """Vector of the message; without it the server encodes the text."""
    response_embedding: Embedding | None = None
    """Vector of the response; without it the server encodes the text."""


class StoreRequest(Body):
    """A response to remember."""

    session_id: TextField
    """An existing session."""
    response: Speech
    """The answer to the pending message; without one, a memory by itself."""
    response_embedding: Embedding | None = None
    """Vector of the response; without it the server encodes the text."""
