"""Requests about the audit log."""

from typing import Annotated

from pydantic import Field

from semvec.web.schemas.fields import Cursor, Query, TextField


class AuditQuery(Query):
    action: TextField | None = None
    """Only events of this operation, by its `operationId`."""
    resource: TextField | None = None
    """Only events of this resource, such as `session/abc`."""
    since: float | None = None
    """Only events from this time on, in seconds since 1970."""
    until: float | None = None
    """Only events before this time, in seconds since 1970."""
    limit: Annotated[int, Field(ge=1, le=1000)] = 100
    """Maximum number of items on the page."""
    cursor: Cursor | None = None
    """`X-Next-Cursor` of the previous page."""
