"""What the service answers; these dataclasses are the bodies that go over the wire."""

from dataclasses import dataclass

from semvec.session.drift import Phase as DriftPhase
from semvec.session.state import Phase, Switch


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
class SessionItem:
    session_id: str
    created_at: float
    last_used_at: float
    interaction_count: int
    total_memories: int
    resident: bool


@dataclass(frozen=True, slots=True)
class Run:
    """`learned` says whether the inputs entered the session; if not, `withheld_by` says why not."""

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
