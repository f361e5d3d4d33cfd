"""Answers about clusters and regions."""

from dataclasses import dataclass

from semvec.session.drift import DriftPhase as DriftPhase


@dataclass(frozen=True, slots=True)
class Added:
    """Whether something was added."""

    added: bool
    """False if it was there before."""


@dataclass(frozen=True, slots=True)
class Removed:
    """Something was removed."""

    removed: bool
    """Always true: a missing resource is answered with 404."""


@dataclass(frozen=True, slots=True)
class Deleted:
    """Something was deleted."""

    deleted: bool
    """Always true: a missing resource is answered with 404."""


@dataclass(frozen=True, slots=True)
class ClusterInfo:
    """A new cluster."""

    cluster_id: str
    """The cluster; its backing session has the same id."""
    name: str
    """Display name."""
    aggregation_mode: str
    """How members are weighted: weighted_average or attention."""
    coupling_factor: float
    """From 0 to 1: how far feedback moves the members."""
    dimension: int
    """Length of the members' vectors."""


@dataclass(frozen=True, slots=True)
class ClusterItem:
    """A cluster in a list."""

    cluster_id: str
    """The cluster."""
    name: str
    """Display name."""
    member_count: int
    """Number of member sessions."""


@dataclass(frozen=True, slots=True)
class ClusterState:
    """The current state of a cluster."""

    cluster_id: str
    """The cluster; its backing session has the same id."""
    name: str
    """Display name."""
    aggregation_mode: str
    """How members are weighted: weighted_average or attention."""
    coupling_factor: float
    """From 0 to 1: how far feedback moves the members."""
    dimension: int
    """Length of the members' vectors."""
    member_count: int
    """Number of member sessions."""
    phase: str
    """Phase of the backing session's state."""
    drift_phase: str
    """stable, shifting or drifted."""
    interaction_count: int
    """Number of updates of the backing session."""
    total_memories: int
    """Number of memories of the backing session, archived ones included."""
    aggregate_vector: list[float]
    """Weighted mean of the members' states: a vector of length 1, or zeros."""


@dataclass(frozen=True, slots=True)
class MemberAdded:
    """Whether the session was added to the cluster."""

    cluster_id: str
    """The cluster."""
    session_id: str
    """The session."""
    added: bool
    """False if it was a member before."""


@dataclass(frozen=True, slots=True)
class MemberRemoved:
    """A session that was removed from a cluster."""

    cluster_id: str
    """The cluster."""
    session_id: str
    """The session."""
    removed: bool
    """Always true: a session that is not a member is answered with 404."""


@dataclass(frozen=True, slots=True)
class ClusterFeedback:
    """The result of feedback."""

    cluster_id: str
    """The cluster."""
    sessions_updated: int
    """Number of members whose state has moved; 0 if the coupling factor is 0."""


@dataclass(frozen=True, slots=True)
class RegionInfo:
    """A new region."""

    region_id: str
    """The region."""
    name: str
    """Display name."""
    meta_session_id: str
    """The session that learns the clusters' consensus; it has the same id."""
    dimension: int
    """Length of the clusters' vectors."""


@dataclass(frozen=True, slots=True)
class RegionItem:
    """A region in a list."""

    region_id: str
    """The region."""
    name: str
    """Display name."""
    cluster_count: int
    """Number of attached clusters."""


@dataclass(frozen=True, slots=True)
class DriftEvent:
    """A change of subject in a cluster, recorded in a region."""

    cluster_id: str
    """The cluster that has drifted."""
    region_id: str
    """The region that records it."""
    drift_score: float
    """From 0 to 1: confidence that the subject has changed."""
    drift_phase: DriftPhase
    """stable, shifting or drifted."""
    timestamp: float
    """Time in seconds since 1970."""
    event_id: int
    """Number of the event in its region, from 1 on."""


@dataclass(frozen=True, slots=True)
class RegionState:
    """The current state of a region."""

    region_id: str
    """The region."""
    name: str
    """Display name."""
    meta_session_id: str
    """The session that learns the clusters' consensus."""
    dimension: int
    """Length of the clusters' vectors."""
    cluster_count: int
    """Number of attached clusters."""
    consensus_threshold: float
    """The clusters realign when more than this share of them have drifted."""
    vote_window_seconds: float
    """Seconds for which a drift counts as a vote."""
    voting_cluster_count: int
    """Number of clusters whose drift counts now."""
    recent_drift_events: list[DriftEvent]
    """The newest drift events, at most 10, newest first."""
    last_realignment: float | None
    """Time of the last realignment, in seconds since 1970; null before the first."""
