"""Clusters and regions."""

from dataclasses import dataclass

from semvec.session.drift import DriftPhase as DriftPhase


@dataclass(frozen=True, slots=True)
class Added:
    """Whether something was added."""

    added: bool
    """False where it was there before."""


@dataclass(frozen=True, slots=True)
class Removed:
    """Something was removed."""

    removed: bool
    """Always true: what is not there is answered with 404."""


@dataclass(frozen=True, slots=True)
class Deleted:
    """Something was deleted."""

    deleted: bool
    """Always true: what is not there is answered with 404."""


@dataclass(frozen=True, slots=True)
class ClusterInfo:
    """A cluster as it was made."""

    cluster_id: str
    """The cluster, and the session behind it."""
    name: str
    """Its name for people."""
    aggregation_mode: str
    """How much each member counts: weighted_average or attention."""
    coupling_factor: float
    """From 0 to 1: how far feedback moves its members."""
    dimension: int
    """Length of its members' vectors."""


@dataclass(frozen=True, slots=True)
class ClusterItem:
    """A cluster in a list."""

    cluster_id: str
    """The cluster."""
    name: str
    """Its name for people."""
    member_count: int
    """Sessions that are its members."""


@dataclass(frozen=True, slots=True)
class ClusterState:
    """A cluster as it stands."""

    cluster_id: str
    """The cluster, and the session behind it."""
    name: str
    """Its name for people."""
    aggregation_mode: str
    """How much each member counts: weighted_average or attention."""
    coupling_factor: float
    """From 0 to 1: how far feedback moves its members."""
    dimension: int
    """Length of its members' vectors."""
    member_count: int
    """Sessions that are its members."""
    phase: str
    """Phase of the state of the session behind the cluster."""
    drift_phase: str
    """stable, shifting or drifted."""
    interaction_count: int
    """Updates of the session behind the cluster."""
    total_memories: int
    """Memories of the session behind the cluster, archived ones included."""
    aggregate_vector: list[float]
    """What the members have in common: a vector of length 1, or zeros."""


@dataclass(frozen=True, slots=True)
class MemberAdded:
    """Whether the session was added to the cluster."""

    cluster_id: str
    """The cluster."""
    session_id: str
    """The session."""
    added: bool
    """False where it was a member before."""


@dataclass(frozen=True, slots=True)
class MemberRemoved:
    """The session that is no member any more."""

    cluster_id: str
    """The cluster."""
    session_id: str
    """The session."""
    removed: bool
    """Always true: a session that is no member is answered with 404."""


@dataclass(frozen=True, slots=True)
class ClusterFeedback:
    """How many members feedback has moved."""

    cluster_id: str
    """The cluster."""
    sessions_updated: int
    """Members whose state has moved; 0 where the coupling factor is 0."""


@dataclass(frozen=True, slots=True)
class RegionInfo:
    """A region as it was made."""

    region_id: str
    """The region."""
    name: str
    """Its name for people."""
    meta_session_id: str
    """The session that learns what the clusters agree on; it has the same id."""
    dimension: int
    """Length of its clusters' vectors."""


@dataclass(frozen=True, slots=True)
class RegionItem:
    """A region in a list."""

    region_id: str
    """The region."""
    name: str
    """Its name for people."""
    cluster_count: int
    """Clusters that are attached to it."""


@dataclass(frozen=True, slots=True)
class DriftEvent:
    """A change of subject in a cluster, told to a region."""

    cluster_id: str
    """The cluster that has drifted."""
    region_id: str
    """The region that was told."""
    drift_score: float
    """From 0 to 1: how surely the subject has changed."""
    drift_phase: DriftPhase
    """stable, shifting or drifted."""
    timestamp: float
    """When, in seconds since 1970."""
    event_id: int
    """Number of the event in its region, from 1 on."""


@dataclass(frozen=True, slots=True)
class RegionState:
    """A region as it stands."""

    region_id: str
    """The region."""
    name: str
    """Its name for people."""
    meta_session_id: str
    """The session that learns what the clusters agree on."""
    dimension: int
    """Length of its clusters' vectors."""
    cluster_count: int
    """Clusters that are attached to it."""
    consensus_threshold: float
    """Share of its clusters past which those that have drifted realign all."""
    vote_window_seconds: float
    """How long a drift counts as a vote, in seconds."""
    voting_cluster_count: int
    """Clusters whose drift counts now."""
    recent_drift_events: list[DriftEvent]
    """The newest drift events, at most 10, newest first."""
    last_realignment: float | None
    """When its clusters were last realigned, in seconds since 1970; null where they never were."""
