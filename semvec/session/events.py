"""The events of a session: the records of its journal.

An event holds decisions, not commands. Applying it only stores values and does elementwise
arithmetic, so that a replay is exact to the bit and later rules never change the meaning of an old
event. Vectors of inputs are bytes made by `semvec.vectors.packed`. Vectors of memories, pooled and
token vectors, are int8 codes of unit vectors (`semvec.kernels.numpy_.quantise`), row after row.
"""

from enum import IntEnum, StrEnum
from typing import TypeAlias

import msgspec

from semvec.session.bounds import CosineField, Share, Weight
from semvec.session.drift import Step
from semvec.session.state import Update


def join_pair(question: str | None, response: str | None) -> str:
    """Join a memory's text: the question, the response, or both on separate lines."""
    return "\n".join(part for part in (question, response) if part is not None)


class MemoryTier(IntEnum):
    SHORT_TERM = 0
    MEDIUM_TERM = 1
    LONG_TERM = 2
    ARCHIVE = 3


class ConsolidationStatus(IntEnum):
    """The result of consolidation for a memory: not yet compared, covers at least itself, or
    covered by a near memory."""

    NEW = 0
    COVERS = 1
    COVERED = 2


class IsolationLevel(StrEnum):
    """How an isolated session treats its inputs."""

    OPEN = "OPEN"
    FILTER = "FILTER"
    QUARANTINE = "QUARANTINE"
    LOCKDOWN = "LOCKDOWN"


class EntityKind(StrEnum):
    """Kinds of entities in the literal cache."""

    VARIABLE = "variable"
    FUNCTION = "function"
    CLASS = "class"
    PATH = "path"
    ERROR = "error"
    SIGNATURE = "signature"
    CONSTANT = "constant"
    TYPE = "type"


class StoredPolicyVector(msgspec.Struct, frozen=True, gc=False):
    """A permanent anchor of a session: unit vector, weight and label."""

    vector: bytes
    weight: Weight = 1.0
    label: str | None = None


class Profile(msgspec.Struct, frozen=True, gc=False):
    """The settings that a session is created with and keeps.

    `model` names the embedder of its vectors; None if the client provides all vectors.
    `token_dimension` is the length of its token vectors; 0 if it has none.
    """

    dimension: int
    model: str | None
    long_term: int
    topic_switch: bool = True
    template: bytes | None = None
    policies: tuple[StoredPolicyVector, ...] = ()
    token_dimension: int = 0


class Trigger(msgspec.Struct, frozen=True, gc=False, tag="trigger"):
    """A trigger: if the query matches it, memories that match it are boosted. At least one of
    keyword and vector is set.

    A vector matches from a cosine of `threshold` on.
    """

    id: int
    keyword: str | None
    vector: bytes | None
    threshold: CosineField


class Anchor(msgspec.Struct, frozen=True, gc=False, tag="anchor"):
    id: int
    vector: bytes


class Isolation(msgspec.Struct, frozen=True, gc=False, tag="isolation"):
    """The isolation level and the lists that inputs are checked against, the vectors of each
    concatenated."""

    id: int
    level: IsolationLevel
    exclusions: bytes
    allowed: bytes
    threshold: CosineField


class QuarantinedItem(msgspec.Struct, frozen=True, gc=False, tag="held"):
    """A future memory: quarantined by isolation, or added by injection.

    `vector` is the vector of the memory, `at` the time of the input. With `updates`, learning it
    updates the session's state.
    """

    id: int
    question: str | None
    response: str | None
    vector: bytes
    question_vector: bytes | None = None
    at: float = 0.0
    updates: bool = True
    tier: MemoryTier = MemoryTier.SHORT_TERM
    importance: Share = 0.5
    access_count: int = 0
    tokens: bytes | None = None

    @property
    def text(self) -> str:
        return join_pair(self.question, self.response)


class Entity(msgspec.Struct, frozen=True, gc=False, tag="entity"):
    """A verbatim value of the literal cache under its key."""

    id: int
    key: str
    kind: EntityKind
    value: str
    context: str
    importance: Share


Component: TypeAlias = Trigger | Anchor | Isolation | QuarantinedItem | Entity
"""A part of a session that has an id and never changes; storage writes it once."""


class Use(msgspec.Struct, frozen=True, gc=False):
    """The number of times an entity was found."""

    id: int
    count: int


class Input(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """One input: its text, its embedding and its drift step.

    An input that `asks` waits for its answer; `held` is the id of its quarantined item, if
    isolation holds it. An input that isolation drops has no text. `tokens` are its token vectors,
    if any.
    """

    text: str
    vector: bytes
    step: Step
    asks: bool = False
    tokens: bytes | None = None
    held: int = 0


class MemoryWrite(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """A new memory, made of the pending question and inputs, or the reinforcement of an older one.

    `asked` says whether the pending question is part of it; `question` and `answer` are indices of
    inputs. Otherwise it is the quarantined item with the id `held`. Without `update` the state is
    unchanged. `scale` normalises the sum of a pair's two embeddings, `nearest` is the highest
    cosine to any memory at that time, `importance` the memory's new importance. `tokens` are the
    memory's token vectors if they differ from those of its parts.
    """

    asked: bool
    answer: int | None
    memory_id: int
    reinforces: bool
    hash: str
    fold: bytes
    importance: float
    nearest: float
    scale: float
    update: Update | None
    held: int = 0
    tokens: bytes | None = None
    question: int | None = None


class Move(msgspec.Struct, frozen=True, gc=False):
    memory_id: int
    tier: MemoryTier


class Access(msgspec.Struct, frozen=True, gc=False):
    memory_id: int
    count: int
    at: float


class MemoryRecord(msgspec.Struct, frozen=True, gc=False):
    """A complete memory as stored. `fold` is the digest of its normalised text."""

    id: int
    hash: str
    fold: bytes
    question: str | None
    response: str | None
    vector: bytes
    question_vector: bytes | None
    created: float
    last_access: float
    access_count: int
    importance: float
    nearest: float
    tokens: bytes | None = None
    standing: ConsolidationStatus = ConsolidationStatus.NEW

    @property
    def text(self) -> str:
        return join_pair(self.question, self.response)


class SessionCreated(msgspec.Struct, frozen=True, tag="created"):
    at: float
    profile: Profile


class Turn(msgspec.Struct, frozen=True, gc=False, tag="turn", omit_defaults=True):
    """One request's changes. Its parts apply in this order: uses of entities, removed components,
    added components, returns from the archive, accesses, memories learnt, moves, inputs.

    `boost` is the number of following updates with a larger gain, after a change of subject.
    """

    at: float
    heard: tuple[Input, ...] = ()
    learnt: tuple[MemoryWrite, ...] = ()
    moves: tuple[Move, ...] = ()
    accessed: tuple[Access, ...] = ()
    returned: tuple[MemoryRecord, ...] = ()
    reset: bool = False
    boost: int = 0
    used: tuple[Use, ...] = ()
    removed: tuple[int, ...] = ()
    added: tuple[Component, ...] = ()

    @property
    def arrivals(self) -> list[int]:
        """Ids of the memories that were not in a tier before."""
        fresh = [each.memory_id for each in self.learnt if not each.reinforces]
        return [record.id for record in self.returned] + fresh


class Consolidation(msgspec.Struct, frozen=True, gc=False):
    """A memory's values after consolidation. `nearest` is the cosine to the memory that covers it,
    else the highest cosine to any other covering memory."""

    memory_id: int
    standing: ConsolidationStatus
    importance: float
    nearest: float


class Consolidated(msgspec.Struct, frozen=True, gc=False, tag="consolidated"):
    """A batch of long-term memories was compared with the covering ones."""

    at: float
    verdicts: tuple[Consolidation, ...]


class StateMoved(msgspec.Struct, frozen=True, gc=False, tag="moved", omit_defaults=True):
    """The state moved this share of the way to another vector of at most unit length, without an
    update or a memory. With `prior` the vector becomes the state's initial value."""

    at: float
    toward: bytes
    share: Share
    prior: bool = False


class StateUpdated(msgspec.Struct, frozen=True, gc=False, tag="advised"):
    """One update by a unit vector that belongs to no memory."""

    at: float
    vector: bytes
    update: Update


SessionEvent: TypeAlias = SessionCreated | Turn | Consolidated | StateMoved | StateUpdated

encode_event = msgspec.msgpack.Encoder().encode
decode_event = msgspec.msgpack.Decoder(SessionEvent).decode
encode_memory = msgspec.msgpack.Encoder().encode
decode_memory = msgspec.msgpack.Decoder(MemoryRecord).decode
encode_piece = msgspec.msgpack.Encoder().encode
decode_piece = msgspec.msgpack.Decoder(Component).decode
