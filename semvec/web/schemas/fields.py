"""What the fields of requests are made of; the text under a field is its description for clients.

Unknown fields are ignored, so that a newer client can talk to an older server. A body takes JSON's
own types as they are; a query takes them as text.
"""

from typing import Annotated

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    StringConstraints,
    WithJsonSchema,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

Text = Annotated[str, StringConstraints(pattern=r"^[^\x00]*$")]
"""Any text but NUL, which no database column of text holds; lone surrogates are no text at all."""


class Unpublished:
    """A bound that is for the machine's sake, far from any use, and stands in docs/edge.md."""

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        bounded = handler(schema)
        return {name: bounded[name] for name in bounded if name not in ("maxLength", "maxItems")}


LONGEST_PROSE = 262_144
Prose = Annotated[Text, Field(max_length=LONGEST_PROSE), Unpublished()]
"""What is encoded, which takes time for each word: a quarter of a million letters, a second."""

SessionId = Annotated[Text, Field(description="The session.")]
UserId = Annotated[Text, Field(description="The user, as named in a switch.")]
MemoryHash = Annotated[Text, Field(description="The memory, by its `memory_hash`.")]
EntityKey = Annotated[Text, Field(description="The key, with its slashes.")]

ClusterId = Annotated[Text, Field(description="The cluster.")]
RegionId = Annotated[Text, Field(description="The region.")]

NewId = Annotated[str, Field(max_length=128, pattern=r"^[A-Za-z0-9_-]+$")]
"""An id that the caller may choose."""

CURSOR = "^([A-Za-f][A-Za-z0-9_-]{9}[AEIMQUYcgkosw048]|[A-Za-z0-9_-]{21}[AQgw])$"
Cursor = Annotated[Text, WithJsonSchema({"type": "string", "pattern": CURSOR})]
"""Not checked here: what no server gave is a malformed request, not an invalid field."""


def _whole(number: object) -> object:
    return int(number) if isinstance(number, float) and number.is_integer() else number


WHOLE = BeforeValidator(_whole)
"""For integers of bodies: JSON knows one kind of number, so 1.0 is 1, and "1" is not."""

LARGEST_DIMENSION = 16_384
Embedding = Annotated[
    list[float], Field(max_length=LARGEST_DIMENSION, fail_fast=True), Unpublished()
]
"""A vector; one bad number is told, not every one. Its length is its session's to judge."""


class Parts(BaseModel):
    """Base of the parts of a path. They are made from parameters and have no source: looking for
    docstrings there would search every module that is loaded."""

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)


class Query(Parts):
    """Base of query strings."""

    model_config = ConfigDict(use_attribute_docstrings=True)


class Body(BaseModel):
    """Base of JSON bodies."""

    model_config = ConfigDict(
        frozen=True,
        extra="ignore",
        allow_inf_nan=False,
        strict=True,
        use_attribute_docstrings=True,
    )
