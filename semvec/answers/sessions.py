"""A session, and what becomes of a turn, a question, a file of it."""

from dataclasses import dataclass
from typing import Any

from semvec.session.drift import DriftPhase as DriftPhase
from semvec.session.state import SessionPhase, TopicSwitch
from semvec.session.verify import Check


@dataclass(frozen=True, slots=True)
class Health:
    """The server and what it holds."""

    active_sessions: int
    """Sessions in the memory of this process."""
    version: str
    """Version of the server."""
    status: str = "ok"
    """Always `ok`."""


@dataclass(frozen=True, slots=True)
class Ready:
    """Whether requests can be served."""

    ready: bool
    """Whether all checks are well."""
    checks: dict[str, str]
    """What was checked, and `ok` or what is wrong."""


@dataclass(frozen=True, slots=True)
class Created:
    """A session that was made, or was there before."""

    session_id: str
    """The session."""
    created: bool
    """False where the session was there before."""


@dataclass(frozen=True, slots=True)
class ClosedSession:
    """The session that was erased."""

    session_id: str
    """The session."""


@dataclass(frozen=True, slots=True)
class Exported:
    """All of a session."""

    session_id: str
    """The session that was exported."""
    state_dict: dict[str, Any]
    """All of the session, as docs/export.md describes it."""
    checksum: str
    """SHA-256 of `state_dict` in hexadecimal, the same as in it."""


@dataclass(frozen=True, slots=True)
class Imported:
    """The session was replaced."""

    session_id: str
    """The session."""
    imported: bool
    """Always true: what cannot be imported is answered with an error."""


@dataclass(frozen=True, slots=True)
class Verified:
    """Whether a session and what storage holds of it are the same."""

    session_id: str
    """The session."""
    consistent: bool
    """Whether every check is well."""
    checks: list[Check]
    """Each thing that was compared."""


@dataclass(frozen=True, slots=True)
class SessionItem:
    """A session in a list."""

    session_id: str
    """The session."""
    created_at: float
    """When it was made, in seconds since 1970."""
    last_used_at: float
    """When it was last used, in seconds since 1970."""
    interaction_count: int
    """Updates of its state."""
    total_memories: int
    """Its memories, archived ones included."""
    resident: bool
    """Whether it is in the memory of the process that answers."""


@dataclass(frozen=True, slots=True)
class Run:
    """What a session recalls for a message, and what the message did to it."""

    session_id: str
    """The session; a new one where none was named."""
    context: str
    """Text for a system prompt: what is remembered, best first, within the token budget."""
    top_similarity: float
    """Highest cosine between the message and anything remembered, from -1 to 1; 0 where nothing
    is."""
    short_circuit: bool
    """Whether a remembered answer may do instead of a new one."""
    drift_score: float
    """From 0 to 1: how surely the subject has changed."""
    drift_detected: bool
    """True once for each change of subject."""
    drift_phase: DriftPhase
    """stable, shifting or drifted."""
    learned: bool
    """Whether all that was sent has entered the session."""
    withheld_by: str | None
    """What kept any of it out: request, filter, quarantine or lockdown; null where all was
    learnt."""


@dataclass(frozen=True, slots=True)
class Stored:
    """What was learnt, and what that did to the session."""

    session_id: str
    """The session."""
    learned: bool
    """Whether it has entered the session."""
    withheld_by: str | None
    """What kept it out: filter, quarantine or lockdown; null where it was learnt."""
    memory_hash: str | None
    """Digest that the memory is found by; null where nothing was learnt."""
    drift_score: float
    """From 0 to 1: how surely the subject has changed."""
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
    """The phase that the state is in."""
    interaction_count: int
    """Updates of the state."""
    total_memories: int
    """Memories of the session, archived ones included."""
    beta_history: list[float]
    """Gain of each of the last updates, oldest first."""
    similarity_history: list[float]
    """Cosine of each of the last inputs and the state before it, oldest first."""
    fsm_history: list[float]
    """Signal that the phase follows, for each of the last updates, oldest first."""
    norm_history: list[float]
    """Length of the state after each of the last updates, oldest first."""
    phase_history: list[SessionPhase]
    """Phase after each of the last updates, oldest first."""
    topic_history: list[TopicSwitch]
    """The last changes of subject, oldest first."""


@dataclass(frozen=True, slots=True)
class ContextItem:
    """A memory that was recalled."""

    text: str
    """The text, cut where it is longer than was asked for."""
    relevance: float
    """From 0 to 1: how well it fits what was asked."""
    memory_hash: str
    """Digest that the whole memory is found by."""
    truncated: bool
    """Whether the text was cut."""


@dataclass(frozen=True, slots=True)
class Context:
    """What a session recalls."""

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
    """Digest of the memory."""
    text: str
    """The whole text: what was said, or question and answer on lines of their own."""
    truncated: bool
    """Always false."""
    importance: float
    """From 0 to 1: what matters more stays in memory for longer."""
    access_count: int
    """How often it was recalled."""
    timestamp: float
    """When it was learnt, in seconds since 1970."""
