"""Requests that set something on a session."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field, JsonValue

from semvec.web.schemas.fields import WHOLE, Body, DrawnOrEmpty, Embedding, Speech, TextField

Cosine = Annotated[float, Field(ge=-1.0, le=1.0)]
Embeddings = Annotated[list[Embedding], Field(max_length=1024, fail_fast=True)]


NO_NULL: dict[str, JsonValue] = {"not": {"type": "null"}}
KEYWORD_OR_EMBEDDING: JsonValue = {
    "required": ["keyword"],
    "properties": {"keyword": {**NO_NULL, "minLength": 1}},
}
DIRECTED: JsonValue = {"required": ["embedding"], "properties": {"embedding": NO_NULL}}


class TriggerRequest(Body):
    """One of keyword and embedding is needed; either fires the trigger."""

    model_config = ConfigDict(json_schema_extra={"anyOf": [KEYWORD_OR_EMBEDDING, DIRECTED]})

    keyword: Annotated[TextField, Field(max_length=512), *DrawnOrEmpty] | None = None
    """Fires where the query has it in whole words, whatever their case."""
    embedding: Embedding | None = None
    """Fires where the query is near enough to it."""
    threshold: Cosine = 0.8
    """Cosine from which on that is near enough."""


class AnchorRequest(Body):
    """An anchor to set."""

    embedding: Embedding
    """Its direction."""


class IsolationRequest(Body):
    """A list left out is an empty one."""

    level: Literal["OPEN", "FILTER", "QUARANTINE", "LOCKDOWN"]
    """OPEN learns all, FILTER leaves out what is suspect, QUARANTINE holds that aside, LOCKDOWN
    holds aside all that the allowlist does not match."""
    exclusion_embeddings: Embeddings | None = None
    """An input near one of these is suspect."""
    allowlist_embeddings: Embeddings | None = None
    """An input at least as near to one of these is not."""
    similarity_threshold: Cosine = 0.7
    """Cosine from which on an input is near."""


class MemoryInjectRequest(Body):
    """A memory to add by hand."""

    embedding: Embedding
    """The vector of the text."""
    text: Speech
    """What to remember."""
    tier: Literal["short_term", "medium_term", "long_term"] = "short_term"
    """The tier it enters."""
    importance: Annotated[float, Field(ge=0.0, le=1.0)] = 0.5
    """What matters more stays in memory for longer."""
    access_count: Annotated[int, Field(ge=0, le=2**31 - 1), WHOLE] = 0
    """How often it counts as recalled so far."""
