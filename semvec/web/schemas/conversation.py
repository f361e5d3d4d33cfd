"""Requests that carry on a conversation."""

from typing import Annotated

from pydantic import Field

from semvec.web.schemas.fields import Body, DrawnOrEmpty, Embedding, NewId, Prose, Speech, TextField


class RunRequest(Body):
    """One message, with the answer to the one before it where there is one."""

    message: Speech
    """What is said now. It is recalled for, and waits for its answer."""
    session_id: NewId | None = None
    """The session, made before; without it a new one is made."""
    response: Annotated[Prose, *DrawnOrEmpty] | None = None
    """The answer to the message before this one; both become one memory."""
    short_circuit_threshold: Annotated[float, Field(ge=-1.0, le=1.0)] = 0.85
    """Cosine from which on a remembered answer may do instead of a new one (`short_circuit`)."""
    reset_context: bool = False
    """A new subject begins: the message before stays without an answer. Nothing is forgotten."""
    learn: bool = True
    """If false, memories are recalled and drift is scored, and nothing is learnt."""
    message_embedding: Embedding | None = None
    """A vector of the message; without it the text is encoded here."""
    response_embedding: Embedding | None = None
    """A vector of the response; without it the text is encoded here."""


class StoreRequest(Body):
    """One response to remember."""

    session_id: TextField
    """The session, made before."""
    response: Speech
    """The answer to the message that waits for one, else a memory by itself."""
    response_embedding: Embedding | None = None
    """A vector of the response; without it the text is encoded here."""
