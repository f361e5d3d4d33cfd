"""Requests about the observer."""

from typing import Annotated

from pydantic import Field

from semvec.web.schemas.fields import Body, Cursor, Query, TextField


class ObserverCreate(Body):
    """An observer to create."""

    sample_interval_seconds: Annotated[float, Field(ge=1.0, le=86_400.0)] = 30.0
    """Seconds between automatic samples."""
    region_ids: Annotated[list[TextField], Field(default_factory=list, max_length=10_000)]
    """Regions to observe from the start."""


class ObserverRegionRequest(Body):
    """A region to observe."""

    region_id: TextField
    """The region."""


class AnomalyListQuery(Query):
    limit: Annotated[int, Field(ge=1, le=1000)] = 20
    """Maximum number of items on the page."""
    cursor: Cursor | None = None
    """`X-Next-Cursor` of the previous page."""
