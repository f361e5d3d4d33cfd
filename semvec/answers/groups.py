"""Clusters and regions."""

from dataclasses import dataclass

from semvec.session.drift import Phase as DriftPhase


@dataclass(frozen=True, slots=True)
class Added:
    added: bool


@dataclass(frozen=True, slots=True)
class Removed:
    removed: bool


@dataclass(frozen=True, slots=True)
class Deleted:
    deleted: bool


@dataclass(frozen=True, slots=True)
class ClusterInfo:
    cluster_id: str
    name: str
    aggregation_mode: str
    coupling_factor: float
    dimension: int


@dataclass(frozen=True, slots=True)
class ClusterItem:
    cluster_id: str
    name: str
    member_count: int


@dataclass(frozen=True, slots=True)
class ClusterState:
    """Phases and counts are those of the session behind the cluster; `aggregate_vector` has unit
    length, or is zero where the members point nowhere."""

    cluster_id: str
    name: str
    aggregation_mode: str
    coupling_factor: float
    dimension: int
    member_count: int
    phase: str
    drift_phase: str
    interaction_count: int
    total_memories: int
    aggregate_vector: list[float]


@dataclass(frozen=True, slots=True)
class MemberAdded:
    """`added` is false where it was a member before."""

    cluster_id: str
    session_id: str
    added: bool


@dataclass(frozen=True, slots=True)
class MemberRemoved:
    """`removed` is false where it was no member."""

    cluster_id: str
    session_id: str
    removed: bool


@dataclass(frozen=True, slots=True)
class ClusterFeedback:
    cluster_id: str
    sessions_updated: int


@dataclass(frozen=True, slots=True)
class RegionInfo:
    region_id: str
    name: str
    meta_session_id: str
    dimension: int


@dataclass(frozen=True, slots=True)
class RegionItem:
    region_id: str
    name: str
    cluster_count: int


@dataclass(frozen=True, slots=True)
class DriftEvent:
    """`event_id` counts the events of the region, from 1 on."""

    cluster_id: str
    region_id: str
    drift_score: float
    drift_phase: DriftPhase
    timestamp: float
    event_id: int


@dataclass(frozen=True, slots=True)
class RegionState:
    """`voting_cluster_count` counts the clusters whose drift is within the window;
    `last_realignment` is the time of it, in epoch seconds."""

    region_id: str
    name: str
    meta_session_id: str
    dimension: int
    cluster_count: int
    consensus_threshold: float
    vote_window_seconds: float
    voting_cluster_count: int
    recent_drift_events: list[DriftEvent]
    last_realignment: float | None
