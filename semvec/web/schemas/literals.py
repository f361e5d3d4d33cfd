"""Requests about the literal cache."""

from typing import Annotated

from pydantic import Field, WithJsonSchema

from semvec.session.events import EntityKind
from semvec.web.schemas.fields import Body, Cursor, Drawn, DrawnOrEmpty, Query, TextField

Key = Annotated[TextField, Field(min_length=1, max_length=512), *Drawn]
"""So that a key of any letters, percent-encoded, still fits into an address."""

KindName = Annotated[str, WithJsonSchema({"type": "string", "enum": [*EntityKind]})]
"""Not checked here: an unknown kind is a malformed request, not an invalid field."""


class EntityCreate(Body):
    """A value to keep under a key."""

    key: Key
    """What the value is found by; storing it again replaces the value."""
    kind: KindName
    """What the value is."""
    value: TextField
    """It comes back byte for byte."""
    context: TextField = ""
    """Words about it, searched too."""
    importance: Annotated[float, Field(ge=0.0, le=1.0)] = 1.0
    """Puts it before others that match as well."""


class EntityKeyQuery(Query):
    key: Annotated[TextField, Field(min_length=1)]
    """The key of the entity, as it was stored."""


class EntityQuery(Query):
    q: Annotated[TextField, *DrawnOrEmpty] = ""
    """Words, or how they begin, in key, value or context; all of them must occur."""
    max_results: Annotated[int, Field(ge=1, le=1000)] = 20
    """Most entities in the answer."""
    cursor: Cursor | None = None
    """`X-Next-Cursor` of the page before."""
