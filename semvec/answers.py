"""What the service answers; these dataclasses are the bodies that go over the wire."""

from dataclasses import dataclass
from typing import Any

from semvec.groups.observer import AnomalyType, Detail
from semvec.session.drift import Phase as DriftPhase
from semvec.session.state import Phase, Switch
from semvec.session.verify import Check


@dataclass(frozen=True, slots=True)
class Health:
    active_sessions: int
    version: str
    status: str = "ok"


@dataclass(frozen=True, slots=True)
class Ready:
    ready: bool
    checks: dict[str, str]


@dataclass(frozen=True, slots=True)
class Created:
    session_id: str
    created: bool


@dataclass(frozen=True, slots=True)
class SessionId:
    session_id: str


@dataclass(frozen=True, slots=True)
class Exported:
    """`checksum` is the one in `state_dict`; docs/export.md describes that."""

    session_id: str
    state_dict: dict[str, Any]
    checksum: str


@dataclass(frozen=True, slots=True)
class Imported:
    session_id: str
    imported: bool


@dataclass(frozen=True, slots=True)
class Verified:
    """`consistent` where every check is."""

    session_id: str
    consistent: bool
    checks: list[Check]


@dataclass(frozen=True, slots=True)
class SessionItem:
    session_id: str
    created_at: float
    last_used_at: float
    interaction_count: int
    total_memories: int
    resident: bool


@dataclass(frozen=True, slots=True)
class Run:
    """`learned` says whether all inputs entered the session; if not, `withheld_by` says what kept
    any of them out: `request`, `filter`, `quarantine` or `lockdown`."""

    session_id: str
    context: str
    top_similarity: float
    short_circuit: bool
    drift_score: float
    drift_detected: bool
    drift_phase: DriftPhase
    learned: bool
    withheld_by: str | None


@dataclass(frozen=True, slots=True)
class Stored:
    session_id: str
    learned: bool
    withheld_by: str | None
    memory_hash: str | None
    drift_score: float
    drift_detected: bool
    drift_phase: DriftPhase


@dataclass(frozen=True, slots=True)
class Metrics:
    session_id: str
    phase: Phase
    interaction_count: int
    total_memories: int
    beta_history: list[float]
    similarity_history: list[float]
    fsm_history: list[float]
    norm_history: list[float]
    phase_history: list[Phase]
    topic_history: list[Switch]


@dataclass(frozen=True, slots=True)
class ContextItem:
    text: str
    relevance: float
    memory_hash: str
    truncated: bool


@dataclass(frozen=True, slots=True)
class Context:
    session_id: str
    context: list[ContextItem]


@dataclass(frozen=True, slots=True)
class ExpandedMemory:
    session_id: str
    memory_hash: str
    text: str
    truncated: bool
    importance: float
    access_count: int
    timestamp: float


@dataclass(frozen=True, slots=True)
class Triggers:
    session_id: str
    trigger_count: int


@dataclass(frozen=True, slots=True)
class Anchors:
    """`anchor_count` includes the session's policy vectors."""

    session_id: str
    anchor_count: int


@dataclass(frozen=True, slots=True)
class AnchorScore:
    session_id: str
    anchor_score: float
    anchor_count: int
    drift_threshold: float
    realignment_remaining: int


@dataclass(frozen=True, slots=True)
class Isolated:
    session_id: str
    level: str
    held_count: int


@dataclass(frozen=True, slots=True)
class Released:
    session_id: str
    released_count: int


@dataclass(frozen=True, slots=True)
class Injected:
    """`tier` is where the memory lies, or would lie if it had not been withheld."""

    session_id: str
    tier: str
    total_memories: int
    learned: bool
    withheld_by: str | None
    memory_hash: str | None


@dataclass(frozen=True, slots=True)
class EntityStored:
    """`size` counts the entities of the session."""

    session_id: str
    key: str
    size: int


@dataclass(frozen=True, slots=True)
class EntityItem:
    key: str
    kind: str
    value: str
    context: str
    importance: float
    access_count: int


@dataclass(frozen=True, slots=True)
class Entities:
    """`total` counts all that match, also beyond those listed."""

    session_id: str
    entities: list[EntityItem]
    total: int


@dataclass(frozen=True, slots=True)
class EntityRemoved:
    session_id: str
    key: str
    removed: bool


@dataclass(frozen=True, slots=True)
class Transferred:
    """`delta_norm` is how far the target's state has moved."""

    source_session_id: str
    target_session_id: str
    delta_norm: float


@dataclass(frozen=True, slots=True)
class Switched:
    active_user: str
    previous_user: str


@dataclass(frozen=True, slots=True)
class ActiveUser:
    active_user: str


@dataclass(frozen=True, slots=True)
class UserSession:
    session_id: str
    dimension: int | None
    created_at: float
    last_used_at: float
    interaction_count: int
    total_memories: int
    trust: float


@dataclass(frozen=True, slots=True)
class UserState:
    """`saved_at` is when the user was last switched away from; `sessions` are those used last,
    `session_count` counts all."""

    active: bool
    created_at: float | None
    saved_at: float | None
    session_count: int
    sessions: list[UserSession]


@dataclass(frozen=True, slots=True)
class SerializedUser:
    user_id: str
    state: UserState


@dataclass(frozen=True, slots=True)
class Consensus:
    accepted: bool
    trust_scores: dict[str, float]


@dataclass(frozen=True, slots=True)
class Trust:
    """By session, the 1,000 used last."""

    trust_scores: dict[str, float]


@dataclass(frozen=True, slots=True)
class ObserverInfo:
    observer_id: str
    registered_regions: int
    meta_session_id: str


@dataclass(frozen=True, slots=True)
class Anomaly:
    type: AnomalyType
    detected_at: float
    details: dict[str, Detail]


@dataclass(frozen=True, slots=True)
class ObserverSummary:
    """`recent_anomalies` are the newest of the `anomaly_count` that the log holds."""

    observer_id: str
    registered_regions: int
    total_clusters_observed: int
    last_sample_at: float | None
    anomaly_count: int
    recent_anomalies: list[Anomaly]
    meta_session_id: str
    sample_interval_seconds: float


@dataclass(frozen=True, slots=True)
class ObserverSample:
    """`total_anomalies` are those in the log after the sample."""

    sampled_at: float
    sample_duration_ms: float
    regions_sampled: int
    regions_registered: int
    clusters_sampled: int
    new_anomalies: int
    total_anomalies: int


@dataclass(frozen=True, slots=True)
class Registered:
    registered: bool


@dataclass(frozen=True, slots=True)
class Unregistered:
    unregistered: bool


@dataclass(frozen=True, slots=True)
class Cleared:
    cleared: int


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
