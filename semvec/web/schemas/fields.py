"""Types and base classes of request fields; the string under a field is its description in the API.

Unknown fields are refused, so that no input is ignored silently. Bodies are validated strictly by
JSON type; query strings are converted from text.
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
"""Text without NUL, which no database can store. Lone surrogates are not valid text."""


class Unpublished:
    """Hides a technical limit, far above normal use, from the API document; docs/edge.md lists
    it."""

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        bounded = handler(schema)
        return {name: bounded[name] for name in bounded if name not in ("maxLength", "maxItems")}


class Published:
    """Adds a pattern to the API document for a check that a validator does."""

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
"""Validators for text that is not blank (`semvec.texts.is_blank`)."""
DrawnOrEmpty = (AfterValidator(_drawn_or_empty), Published(f"^({DRAWN})?$"))
"""The same, but an empty text is allowed and stands for none."""

LONGEST_PROSE = 262_144
Prose = Annotated[TextField, Field(max_length=LONGEST_PROSE), Unpublished()]
"""Text for the encoder, which takes about a second for a quarter of a million characters."""
Speech = Annotated[Prose, Field(min_length=1), *Drawn]
"""Text to recall for or to remember."""

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
"""An id chosen by the caller."""

CURSOR = "^([A-Za-f][A-Za-z0-9_-]{9}[AEIMQUYcgkosw048]|[A-Za-z0-9_-]{21}[AQgw])$"
Cursor = Annotated[TextField, WithJsonSchema({"type": "string", "pattern": CURSOR})]
"""Not validated here: an invalid cursor is a malformed request, not an invalid field."""


def _whole(number: object) -> object:
    return int(number) if isinstance(number, float) and number.is_integer() else number


WHOLE = BeforeValidator(_whole)
"""For integers in bodies: JSON has one number type, so 1.0 is 1; "1" is refused."""

LARGEST_DIMENSION = 16_384
Embedding = Annotated[
    list[float], Field(max_length=LARGEST_DIMENSION, fail_fast=True), Unpublished()
]
"""A vector; only its first bad number is reported. The session checks its length."""


class Parts(BaseModel):
    """Base of path parameters. The models are generated and have no source: a search for docstrings
    would scan every loaded module."""

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
    """The body of an operation without fields: nothing, or an empty object."""
