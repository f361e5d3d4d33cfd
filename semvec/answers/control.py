"""Answers about triggers, anchors, isolation, injected memories and entities."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Triggers:
    """The triggers of a session after the change."""

    session_id: str
    """The session."""
    trigger_count: int
    """Number of triggers of the session."""


@dataclass(frozen=True, slots=True)
class Anchors:
    """The anchors of a session after the change."""

    session_id: str
    """The session."""
    anchor_count: int
    """Number of anchors and policy vectors of the session."""


@dataclass(frozen=True, slots=True)
class AnchorScore:
    """Similarity of a session's state to its nearest anchor."""

    session_id: str
    """The session."""
    anchor_score: float
    """Cosine of the state and the nearest anchor, from -1 to 1; 1 without anchors."""
    anchor_count: int
    """Number of anchors and policy vectors of the session."""
    drift_threshold: float
    """Below this score the state counts as off its anchors; three such updates in a row start a
    realignment."""
    realignment_remaining: int
    """Number of coming updates that still pull the state towards the nearest anchor."""


@dataclass(frozen=True, slots=True)
class Isolated:
    """The isolation of a session after the change."""

    session_id: str
    """The session."""
    level: str
    """The current level: OPEN, FILTER, QUARANTINE or LOCKDOWN."""
    held_count: int
    """Number of quarantined inputs."""


@dataclass(frozen=True, slots=True)
class Released:
    """The result of releasing quarantined inputs."""

    session_id: str
    """The session."""
    released_count: int
    """Number of quarantined inputs that were learnt."""


@dataclass(frozen=True, slots=True)
class Injected:
    """The result of injecting a memory."""

    session_id: str
    """The session."""
    tier: str
    """Tier of the memory, or the tier it would have entered: short_term, medium_term or
    long_term."""
    total_memories: int
    """Number of memories of the session, archived ones included."""
    learned: bool
    """Whether the memory was learnt."""
    withheld_by: str | None
    """Why the memory was not learnt: filter, quarantine or lockdown; null if it was."""
    memory_hash: str | None
    """Hash that identifies the memory; null if it was not learnt."""


@dataclass(frozen=True, slots=True)
class EntityStored:
    """The entity that was stored."""

    session_id: str
    """The session."""
    key: str
    """The key, as it was sent."""
    size: int
    """Number of entities of the session."""


@dataclass(frozen=True, slots=True)
class EntityItem:
    """One entity of the literal cache."""

    key: str
    """Key of the entity."""
    kind: str
    """Kind of the value, such as a function or a path."""
    value: str
    """The value, byte for byte as it was stored."""
    context: str
    """Words about the value, also searched."""
    importance: float
    """From 0 to 1: rank among entities that match equally well."""
    access_count: int
    """How often searches have found the entity."""


@dataclass(frozen=True, slots=True)
class Entities:
    """Entities that match a search."""

    session_id: str
    """The session."""
    entities: list[EntityItem]
    """The entities of this page, best first."""
    total: int
    """Number of matching entities on all pages."""


@dataclass(frozen=True, slots=True)
class EntityRemoved:
    """The entity that was removed."""

    session_id: str
    """The session."""
    key: str
    """The removed key."""
    removed: bool
    """Always true: a missing key is answered with 404."""
