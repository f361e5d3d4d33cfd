"""Answers about sessions, turns, queries and exports."""

from dataclasses import dataclass
from typing import Any

from semvec.session.drift import DriftPhase as DriftPhase
from semvec.session.state import SessionPhase, TopicSwitch
from semvec.session.verify import Check


@dataclass(frozen=True, slots=True)
class Health:
    """The state of the server."""

    active_sessions: int
    """Number of sessions in the memory of this process."""
    version: str
    """Version of the server."""
    status: str = "ok"
    """Always `ok`."""


@dataclass(frozen=True, slots=True)
class Ready:
    """Readiness of the server."""

    ready: bool
    """Whether all checks have passed."""
    checks: dict[str, str]
    """Result of each check: `ok` or the problem."""


@dataclass(frozen=True, slots=True)
class Created:
    """A new or existing session."""

    session_id: str
    """The session."""
    created: bool
    """False if the session existed before."""


@dataclass(frozen=True, slots=True)
class ClosedSession:
    """An erased session."""

    session_id: str
    """The session."""


@dataclass(frozen=True, slots=True)
class Exported:
    """The export of a session."""

    session_id: str
    """The exported session."""
    state_dict: dict[str, Any]
    """The whole session, in the format of docs/export.md."""
    checksum: str
    """SHA-256 of `state_dict` in hexadecimal; `state_dict` contains it too."""


@dataclass(frozen=True, slots=True)
class Imported:
    """A replaced session."""

    session_id: str
    """The session."""
    imported: bool
    """Always true: a failed import is answered with an error."""


@dataclass(frozen=True, slots=True)
class Verified:
    """The comparison of a session with its stored copy."""

    session_id: str
    """The session."""
    consistent: bool
    """Whether all checks have passed."""
    checks: list[Check]
    """The result of each check."""


@dataclass(frozen=True, slots=True)
class SessionItem:
    """A session in a list."""

    session_id: str
    """The session."""
    created_at: float
    """Time of creation, in seconds since 1970."""
    last_used_at: float
    """Time of last use, in seconds since 1970."""
    interaction_count: int
    """Number of updates of the state."""
    total_memories: int
    """Number of memories, archived ones included."""
    resident: bool
    """Whether the session is in the memory of the answering process."""


@dataclass(frozen=True, slots=True)
class Run:
    """The memories recalled for a message, and the message's effect on the session."""

    session_id: str
    """The session; a new one if none was named."""
    context: str
    """Text for a system prompt: recalled memories, best first, within the token budget."""
    top_similarity: float
    """Highest cosine between the message and any memory, from -1 to 1; 0 without memories."""
    short_circuit: bool
    """Whether a remembered answer may replace a new one."""
    drift_score: float
    """From 0 to 1: confidence that the subject has changed."""
    drift_detected: bool
    """True once for each change of subject."""
    drift_phase: DriftPhase
    """stable, shifting or drifted."""
    learned: bool
    """Whether everything in the request was learnt."""
    withheld_by: str | None
    """Why something was not learnt: request, filter, quarantine or lockdown; null if all was
    learnt."""


@dataclass(frozen=True, slots=True)
class Stored:
    """The result of learning a response."""

    session_id: str
    """The session."""
    learned: bool
    """Whether the response was learnt."""
    withheld_by: str | None
    """Why it was not learnt: filter, quarantine or lockdown; null if it was."""
    memory_hash: str | None
    """Hash that identifies the memory; null if nothing was learnt."""
    drift_score: float
    """From 0 to 1: confidence that the subject has changed."""
    drift_detected: bool
    """True once for each change of subject."""
    drift_phase: DriftPhase
    """stable, shifting or drifted."""


@dataclass(frozen=True, slots=True)
class Metrics:
    """The semantic state of a session and its recent history."""

    session_id: str
    """The session."""
    phase: SessionPhase
    """Current phase of the state."""
    interaction_count: int
    """Number of updates of the state."""
    total_memories: int
    """Number of memories, archived ones included."""
    beta_history: list[float]
    """Gain of each of the last updates, oldest first."""
    similarity_history: list[float]
    """Cosine between each of the last inputs and the state before it, oldest first."""
    fsm_history: list[float]
    """Signal that determines the phase, for each of the last updates, oldest first."""
    norm_history: list[float]
    """Norm of the state after each of the last updates, oldest first."""
    phase_history: list[SessionPhase]
    """Phase after each of the last updates, oldest first."""
    topic_history: list[TopicSwitch]
    """The last changes of subject, oldest first."""


@dataclass(frozen=True, slots=True)
class ContextItem:
    """A recalled memory."""

    text: str
    """The text, cut to the requested length."""
    relevance: float
    """From 0 to 1: relevance to the query."""
    memory_hash: str
    """Hash that identifies the memory."""
    truncated: bool
    """Whether the text was cut."""


@dataclass(frozen=True, slots=True)
class Context:
    """The memories recalled for a query."""

    session_id: str
    """The session."""
    context: list[ContextItem]
    """The memories, most relevant first."""


@dataclass(frozen=True, slots=True)
class ExpandedMemory:
    """One memory in full."""

    session_id: str
    """The session."""
    memory_hash: str
    """Hash that identifies the memory."""
    text: str
    """The whole text; question and answer are on separate lines."""
    truncated: bool
    """Always false."""
    importance: float
    """From 0 to 1: memories of higher importance stay in their tier for longer."""
    access_count: int
    """How often the memory was recalled."""
    timestamp: float
    """Time of learning, in seconds since 1970."""
