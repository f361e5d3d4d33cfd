"""Requests about the literal cache."""

from typing import Annotated

from pydantic import Field, WithJsonSchema

from semvec.session.events import EntityKind
from semvec.web.schemas.fields import Body, Cursor, Drawn, DrawnOrEmpty, Query, TextField

Key = Annotated[TextField, Field(min_length=1, max_length=512), *Drawn]
"""Short enough to fit percent-encoded into a URL."""

KindName = Annotated[str, WithJsonSchema({"type": "string", "enum": [*EntityKind]})]
"""Not validated here: an unknown kind is a malformed request, not an invalid field."""


class EntityCreate(Body):
    """A value to store under a key."""

    key: Key
    """Key of the value; storing it again replaces the value."""
    kind: KindName
    """Kind of the value."""
    value: TextField
    """The value; it is returned byte for byte."""
    context: TextField = ""
    """Words about the value, also searched."""
    importance: Annotated[float, Field(ge=0.0, le=1.0)] = 1.0
    """Rank among entities that match equally well."""


class EntityKeyQuery(Query):
    key: Annotated[TextField, Field(min_length=1)]
    """The key of the entity, as it was stored."""


class EntityQuery(Query):
    q: Annotated[TextField, *DrawnOrEmpty] = ""
    """Words, or their beginnings, in key, value or context; all of them must occur."""
    max_results: Annotated[int, Field(ge=1, le=1000)] = 20
    """Maximum number of entities in the answer."""
    cursor: Cursor | None = None
    """`X-Next-Cursor` of the previous page."""
