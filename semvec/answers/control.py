"""What is set on a session: triggers, anchors, isolation, memories and entities by hand."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Triggers:
    """The triggers of a session after the change."""

    session_id: str
    """The session."""
    trigger_count: int
    """Triggers that the session has now."""


@dataclass(frozen=True, slots=True)
class Anchors:
    """The anchors of a session after the change."""

    session_id: str
    """The session."""
    anchor_count: int
    """Anchors and policy vectors that the session has now."""


@dataclass(frozen=True, slots=True)
class AnchorScore:
    """How near the state of a session is to its nearest anchor."""

    session_id: str
    """The session."""
    anchor_score: float
    """Cosine of the state and the nearest anchor, from -1 to 1; 1 without anchors."""
    anchor_count: int
    """Anchors and policy vectors of the session."""
    drift_threshold: float
    """Score below which the state counts as astray; three updates in a row start a realignment."""
    realignment_remaining: int
    """Updates that will still pull the state towards the nearest anchor."""


@dataclass(frozen=True, slots=True)
class Isolated:
    """What isolation keeps out of a session now."""

    session_id: str
    """The session."""
    level: str
    """The level that holds now: OPEN, FILTER, QUARANTINE or LOCKDOWN."""
    held_count: int
    """Inputs that are held and not learnt."""


@dataclass(frozen=True, slots=True)
class Released:
    """What was learnt of the inputs that were held."""

    session_id: str
    """The session."""
    released_count: int
    """Inputs that were held and are learnt now."""


@dataclass(frozen=True, slots=True)
class Injected:
    """What became of a memory that was added by hand."""

    session_id: str
    """The session."""
    tier: str
    """The tier the memory is in, or would be in: short_term, medium_term or long_term."""
    total_memories: int
    """Memories of the session, archived ones included."""
    learned: bool
    """Whether the memory was learnt."""
    withheld_by: str | None
    """What kept it out, where it was not learnt: filter, quarantine or lockdown."""
    memory_hash: str | None
    """Digest that the memory is found by; null where it was not learnt."""


@dataclass(frozen=True, slots=True)
class EntityStored:
    """The entity that was stored."""

    session_id: str
    """The session."""
    key: str
    """The key, as it was sent."""
    size: int
    """Entities that the session has now."""


@dataclass(frozen=True, slots=True)
class EntityItem:
    """One entity of the literal cache."""

    key: str
    """The key it was stored under."""
    kind: str
    """What the value is, such as a function or a path."""
    value: str
    """The value, byte for byte as it was stored."""
    context: str
    """Words about it, which are searched too."""
    importance: float
    """From 0 to 1; puts it before others that match as well."""
    access_count: int
    """How often it was found by words."""


@dataclass(frozen=True, slots=True)
class Entities:
    """Entities of the literal cache that match."""

    session_id: str
    """The session."""
    entities: list[EntityItem]
    """The entities of this page, best first."""
    total: int
    """All entities that match, on this page and others."""


@dataclass(frozen=True, slots=True)
class EntityRemoved:
    """The entity that was removed."""

    session_id: str
    """The session."""
    key: str
    """The key that is gone."""
    removed: bool
    """Always true: a key that is not there is answered with 404."""
