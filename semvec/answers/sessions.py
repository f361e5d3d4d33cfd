"""A session, and what becomes of a turn, a question, a file of it."""

from dataclasses import dataclass
from typing import Any

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
