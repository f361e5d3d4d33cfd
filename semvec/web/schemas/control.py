"""Requests that control a session."""

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
    """A trigger to set. A keyword, an embedding or both are required; either one fires it."""

    model_config = ConfigDict(json_schema_extra={"anyOf": [KEYWORD_OR_EMBEDDING, DIRECTED]})

    keyword: Annotated[TextField, Field(max_length=512), *DrawnOrEmpty] | None = None
    """Fires if the query contains it as whole words, in any case."""
    embedding: Embedding | None = None
    """Fires if the query is similar enough to it."""
    threshold: Cosine = 0.8
    """Minimum cosine between query and embedding for the trigger to fire."""


class AnchorRequest(Body):
    """An anchor to set."""

    embedding: Embedding
    """Vector of the anchor."""


class IsolationRequest(Body):
    """The isolation to set. A list that is left out is empty."""

    level: Literal["OPEN", "FILTER", "QUARANTINE", "LOCKDOWN"]
    """OPEN learns everything. FILTER discards suspect inputs. QUARANTINE keeps them aside. LOCKDOWN
    keeps aside every input that does not match the allowlist."""
    exclusion_embeddings: Embeddings | None = None
    """An input similar to one of these is suspect."""
    allowlist_embeddings: Embeddings | None = None
    """An input at least as similar to one of these is not suspect."""
    similarity_threshold: Cosine = 0.7
    """Minimum cosine for an input to count as similar."""


class MemoryInjectRequest(Body):
    """A memory to add by hand."""

    embedding: Embedding
    """Vector of the text."""
    text: Speech
    """Text to remember."""
    tier: Literal["short_term", "medium_term", "long_term"] = "short_term"
    """Tier that the memory enters."""
    importance: Annotated[float, Field(ge=0.0, le=1.0)] = 0.5
    """Memories of higher importance stay in their tier for longer."""
    access_count: Annotated[int, Field(ge=0, le=2**31 - 1), WHOLE] = 0
    """Initial number of recalls."""
