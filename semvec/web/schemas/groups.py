"""Requests about clusters and regions."""

from typing import Annotated

from pydantic import Field, WithJsonSchema

from semvec.web.schemas.fields import (
    LARGEST_DIMENSION,
    WHOLE,
    Body,
    Cursor,
    Drawn,
    Embedding,
    NewId,
    Query,
    Speech,
    TextField,
    Unpublished,
)

Dimension = Annotated[int, Field(ge=1, le=LARGEST_DIMENSION), WHOLE]
MAX_GROUP_NAME = 1024
Name = Annotated[TextField, Field(min_length=1, max_length=MAX_GROUP_NAME), Unpublished(), *Drawn]
"""Limited because a page holds a thousand of them."""
ModeName = Annotated[
    str, WithJsonSchema({"type": "string", "enum": ["weighted_average", "attention"]})
]
"""Not validated here: an unknown mode is a malformed request, not an invalid field."""


class ClusterCreate(Body):
    """A cluster to create."""

    cluster_id: NewId | None = None
    """Letters, digits, `_` and `-`, not used by a session, cluster or region; without it the server
    chooses an id."""
    name: Name
    """Display name."""
    aggregation_mode: ModeName = "weighted_average"
    """Weight of each member: by its number of interactions, or by its similarity to the backing
    session's state."""
    coupling_factor: Annotated[float, Field(ge=0.0, le=1.0)] = 0.0
    """How far feedback moves members, and a realignment moves the cluster; 0 moves nothing."""
    dimension: Dimension | None = None
    """Length of the members' vectors; by default the embedder's."""


class MemberRequest(Body):
    """A session to add to a cluster."""

    session_id: TextField
    """The session; it must have the cluster's dimension."""


class ClusterStoreRequest(Body):
    """A message and its answer."""

    message: Speech
    """The message."""
    response: Speech
    """The answer; message and answer become one memory."""
    message_embedding: Embedding | None = None
    """Vector of the message; without it the server encodes the text."""
    response_embedding: Embedding | None = None
    """Vector of the response; without it the server encodes the text."""


class RegionCreate(Body):
    """A region to create."""

    region_id: NewId | None = None
    """Letters, digits, `_` and `-`, not used by a session, cluster or region; without it the server
    chooses an id."""
    name: Name
    """Display name."""
    consensus_threshold: Annotated[float, Field(ge=0, le=1)] = 0.5
    """The clusters realign when more than this share of them have drifted."""
    vote_window_seconds: Annotated[float, Field(ge=1, le=86400)] = 60.0
    """Seconds for which a drift counts as a vote."""
    dimension: Dimension | None = None
    """Length of the clusters' vectors; by default the embedder's."""


class RegionClusterRequest(Body):
    """A cluster to attach to a region."""

    cluster_id: TextField
    """The cluster; it must have the region's dimension."""


class GroupListQuery(Query):
    limit: Annotated[int, Field(ge=1, le=1000)] = 1000
    """Maximum number of items on the page."""
    cursor: Cursor | None = None
    """`X-Next-Cursor` of the previous page."""


class DriftEventQuery(Query):
    limit: Annotated[int, Field(ge=1, le=1000)] = 20
    """Maximum number of items on the page."""
    cursor: Cursor | None = None
    """`X-Next-Cursor` of the previous page."""
