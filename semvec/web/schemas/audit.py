"""Requests about what is on record."""

from typing import Annotated

from pydantic import Field

from semvec.web.schemas.fields import Cursor, Query, TextField


class AuditQuery(Query):
    action: TextField | None = None
    """Only what was done by this operation, by its `operationId`."""
    resource: TextField | None = None
    """Only what was done to this, such as `session/abc`."""
    since: float | None = None
    """Only what was done from this time on, in seconds since 1970."""
    until: float | None = None
    """Only what was done before this time."""
    limit: Annotated[int, Field(ge=1, le=1000)] = 100
    """Most items on the page."""
    cursor: Cursor | None = None
    """`X-Next-Cursor` of the page before."""
