"""What the fields of requests are made of; the text under a field is its description for clients.

Unknown fields are ignored, so that a newer client can talk to an older server. A body takes JSON's
own types as they are (`"1"` is not 1, but 1 is a number); a query takes them as text.
"""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Text = Annotated[str, StringConstraints(pattern=r"^[^\x00]*$")]
"""Any text but NUL, which no database column of text holds; lone surrogates are no text at all."""

SessionId = Annotated[Text, Field(description="The session.")]
MemoryHash = Annotated[Text, Field(description="The memory, by its `memory_hash`.")]
EntityKey = Annotated[Text, Field(description="The key, with its slashes.")]

ClusterId = Annotated[Text, Field(description="The cluster.")]
RegionId = Annotated[Text, Field(description="The region.")]

NewId = Annotated[str, Field(max_length=128, pattern=r"^[A-Za-z0-9_-]+$")]
"""An id that the caller may choose."""

Embedding = Annotated[list[float], Field(fail_fast=True)]
"""A vector; one bad number is told, not every one. Its length is its session's to judge."""


class Query(BaseModel):
    """Base of query strings."""

    model_config = ConfigDict(
        frozen=True, extra="ignore", allow_inf_nan=False, use_attribute_docstrings=True
    )


class Body(BaseModel):
    """Base of JSON bodies."""

    model_config = ConfigDict(
        frozen=True,
        extra="ignore",
        allow_inf_nan=False,
        strict=True,
        use_attribute_docstrings=True,
    )
