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
"""A page holds a thousand of them."""
ModeName = Annotated[
    str, WithJsonSchema({"type": "string", "enum": ["weighted_average", "attention"]})
]
"""Not checked here: an unknown mode is a malformed request, not an invalid field."""


class ClusterCreate(Body):
    """A cluster to make."""

    cluster_id: NewId | None = None
    """Letters, digits, `_` and `-`, as no session, cluster or region has it; without it an id is
    made up."""
    name: Name
    """A name for people."""
    aggregation_mode: ModeName = "weighted_average"
    """How much each member counts: by its interactions, or by how near it is to the cluster's own
    state."""
    coupling_factor: Annotated[float, Field(ge=0.0, le=1.0)] = 0.0
    """How far feedback moves members, and a realignment the cluster; 0 moves nothing."""
    dimension: Dimension | None = None
    """Length of its members' vectors; without it the embedder's."""


class MemberRequest(Body):
    """A session to add to a cluster."""

    session_id: TextField
    """The session, of the cluster's dimension."""


class ClusterStoreRequest(Body):
    """A message and its answer."""

    message: Speech
    """What was asked."""
    response: Speech
    """What was answered; both become one memory."""
    message_embedding: Embedding | None = None
    """A vector of the message; without it the text is encoded here."""
    response_embedding: Embedding | None = None
    """A vector of the response; without it the text is encoded here."""


class RegionCreate(Body):
    """A region to make."""

    region_id: NewId | None = None
    """Letters, digits, `_` and `-`, as no session, cluster or region has it; without it an id is
    made up."""
    name: Name
    """A name for people."""
    consensus_threshold: Annotated[float, Field(ge=0, le=1)] = 0.5
    """Share of its clusters past which those that have drifted realign all."""
    vote_window_seconds: Annotated[float, Field(ge=1, le=86400)] = 60.0
    """How long a drift counts."""
    dimension: Dimension | None = None
    """Length of its clusters' vectors; without it the embedder's."""


class RegionClusterRequest(Body):
    """A cluster to attach to a region."""

    cluster_id: TextField
    """The cluster, of the region's dimension."""


class GroupListQuery(Query):
    limit: Annotated[int, Field(ge=1, le=1000)] = 1000
    """Most items on the page."""
    cursor: Cursor | None = None
    """`X-Next-Cursor` of the page before."""


class DriftEventQuery(Query):
    limit: Annotated[int, Field(ge=1, le=1000)] = 20
    """Most items on the page."""
    cursor: Cursor | None = None
    """`X-Next-Cursor` of the page before."""
