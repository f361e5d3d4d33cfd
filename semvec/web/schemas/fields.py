"""What the fields of requests are made of; the text under a field is its description for clients.

Unknown fields are refused, so that nothing a client sends is dropped in silence. A body takes
JSON's own types as they are; a query takes them as text.
"""

from typing import Annotated

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    StringConstraints,
    WithJsonSchema,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError

from semvec.texts import BLANK, is_blank

TextField = Annotated[str, StringConstraints(pattern=r"^[^\x00]*$")]
"""Any text but NUL, which no database column of text holds; lone surrogates are no text at all."""


class Unpublished:
    """A bound that is for the machine's sake, far from any use, and stands in docs/edge.md."""

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        bounded = handler(schema)
        return {name: bounded[name] for name in bounded if name not in ("maxLength", "maxItems")}


class Published:
    """A pattern in the document for what a validator checks in words of its own."""

    def __init__(self, pattern: str) -> None:
        self._pattern = pattern

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {**handler(schema), "pattern": self._pattern}


def _drawn(text: str) -> str:
    if is_blank(text):
        raise PydanticCustomError("blank", "must hold something that can be seen")
    return text


def _drawn_or_empty(text: str) -> str:
    return _drawn(text) if text else text


ESCAPED = "".join(
    each if each == "-" or each > "\uffff" else f"\\u{ord(each):04x}" for each in BLANK
)
NO_NUL = r"[^\x00]*"
DRAWN = f"{NO_NUL}[^{ESCAPED}]{NO_NUL}"
Drawn = (AfterValidator(_drawn), Published(f"^{DRAWN}$"))
"""For a text that is not blank (`semvec.texts.is_blank`)."""
DrawnOrEmpty = (AfterValidator(_drawn_or_empty), Published(f"^({DRAWN})?$"))
"""The same where an empty text stands for none."""

LONGEST_PROSE = 262_144
Prose = Annotated[TextField, Field(max_length=LONGEST_PROSE), Unpublished()]
"""What is encoded, which takes time for each word: a quarter of a million letters, a second."""
Speech = Annotated[Prose, Field(min_length=1), *Drawn]
"""A text to recall for or to remember."""

SessionIdField = Annotated[TextField, Field(description="The session.")]
UserId = Annotated[TextField, Field(description="The user, as named in a switch.")]
MemoryHash = Annotated[TextField, Field(description="The memory, by its `memory_hash`.")]
EntityKey = Annotated[
    TextField,
    Field(description="The key, with its slashes. One that a proxy would rewrite is refused."),
]

ClusterId = Annotated[TextField, Field(description="The cluster.")]
RegionId = Annotated[TextField, Field(description="The region.")]

NewId = Annotated[str, Field(max_length=128, pattern=r"^[A-Za-z0-9_-]+$")]
"""An id that the caller may choose."""

CURSOR = "^([A-Za-f][A-Za-z0-9_-]{9}[AEIMQUYcgkosw048]|[A-Za-z0-9_-]{21}[AQgw])$"
Cursor = Annotated[TextField, WithJsonSchema({"type": "string", "pattern": CURSOR})]
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

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Query(Parts):
    """Base of query strings."""

    model_config = ConfigDict(use_attribute_docstrings=True)


class NoQuery(Query):
    """The query string of an operation that takes no parameters."""


class Body(BaseModel):
    """Base of JSON bodies."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        allow_inf_nan=False,
        strict=True,
        use_attribute_docstrings=True,
    )


class NoBody(Body):
    """The body of an operation that takes none: nothing, or an object without fields."""
