"""What is set on a session: triggers, anchors, isolation, memories and entities by hand."""

from dataclasses import dataclass


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
