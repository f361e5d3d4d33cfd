"""What can happen to a session: the journal's records.

An event holds decisions, not commands. Applying one only stores and does elementwise arithmetic, so
that a replay is exact to the bit and later rules never change what an old event means.
Vectors of inputs are bytes as `semvec.vectors.packed` makes them; those that memories keep, pooled
and token vectors, are int8 codes of unit vectors (`semvec.kernels.numpy_.quantise`), row after row.
"""

from enum import IntEnum, StrEnum
from typing import TypeAlias

import msgspec

from semvec.session.bounds import CosineField, Share, Weight
from semvec.session.drift import Step
from semvec.session.state import Update


def join_pair(question: str | None, response: str | None) -> str:
    """A memory's text: the question, the response, or both on lines of their own."""
    return "\n".join(part for part in (question, response) if part is not None)


class MemoryTier(IntEnum):
    SHORT_TERM = 0
    MEDIUM_TERM = 1
    LONG_TERM = 2
    ARCHIVE = 3


class ConsolidationStatus(IntEnum):
    """What consolidation has made of a memory: nothing yet; it covers itself at least; another
    that says nearly the same covers it."""

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
    """What an entity of the literal cache can be."""

    VARIABLE = "variable"
    FUNCTION = "function"
    CLASS = "class"
    PATH = "path"
    ERROR = "error"
    SIGNATURE = "signature"
    CONSTANT = "constant"
    TYPE = "type"


class StoredPolicyVector(msgspec.Struct, frozen=True, gc=False):
    """A standing anchor of a session: unit vector, weight, what it stands for."""

    vector: bytes
    weight: Weight = 1.0
    label: str | None = None


class Profile(msgspec.Struct, frozen=True, gc=False):
    """What a session is made with and keeps for life.

    `model` names the embedder whose vectors it holds; None where the client brings all vectors.
    `token_dimension` is the length of its token vectors; 0 where it has none.
    """

    dimension: int
    model: str | None
    long_term: int
    topic_switch: bool = True
    template: bytes | None = None
    policies: tuple[StoredPolicyVector, ...] = ()
    token_dimension: int = 0


class Trigger(msgspec.Struct, frozen=True, gc=False, tag="trigger"):
    """Memories that match it are boosted where the query does; one of keyword and vector is there.

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
    """The level and the lists that inputs are checked against: the vectors of each, end to end."""

    id: int
    level: IsolationLevel
    exclusions: bytes
    allowed: bytes
    threshold: CosineField


class QuarantinedItem(msgspec.Struct, frozen=True, gc=False, tag="held"):
    """A memory to be: set aside by isolation, or on its way in by injection.

    `vector` is what the memory will have, `at` when it was said. Where it `updates`, learning it
    moves the session's state.
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
"""What comes into a session whole and never changes, with an id; storage writes it once."""


class Use(msgspec.Struct, frozen=True, gc=False):
    """So many times an entity was found."""

    id: int
    count: int


class Input(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """One input on arrival: its words, its embedding, what the drift detector made of it.

    One that `asks` waits for its answer from now on; `held` is the piece that it lies in meanwhile
    where isolation has set it aside. What isolation drops leaves no words. `tokens` are its token
    vectors, if it has any.
    """

    text: str
    vector: bytes
    step: Step
    asks: bool = False
    tokens: bytes | None = None
    held: int = 0


class MemoryWrite(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """A memory made of what was pending and what was heard, or an older one reinforced.

    `asked` says whether the pending question is part of it, `question` and `answer` which inputs
    are, by their places; else it is what was `held` under this id. Without `update` the state stays
    as it is. `scale` normalises the sum of a pair's two embeddings; `nearest` is the highest cosine
    to any memory at the time; `importance` is what the memory has from now on. `tokens` are the
    memory's token vectors where they are not simply those of its parts.
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
    """A memory, whole, as it lies in storage. `fold` identifies its words without form."""

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
    """One request's changes. Its parts apply in this order: uses of entities, pieces that go,
    pieces that come, returns from the archive, accesses, what is learnt, moves, what is heard.

    `boost` is the number of further updates that weigh more because the subject changed.
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
        """Ids of the memories that were not hot before."""
        fresh = [each.memory_id for each in self.learnt if not each.reinforces]
        return [record.id for record in self.returned] + fresh


class Consolidation(msgspec.Struct, frozen=True, gc=False):
    """What a memory has from now on. `nearest` is the cosine to the one that covers it, or else the
    highest to any other that covers."""

    memory_id: int
    standing: ConsolidationStatus
    importance: float
    nearest: float


class Consolidated(msgspec.Struct, frozen=True, gc=False, tag="consolidated"):
    """A batch of long-term memories has been compared with the others."""

    at: float
    verdicts: tuple[Consolidation, ...]


class StateMoved(msgspec.Struct, frozen=True, gc=False, tag="moved", omit_defaults=True):
    """The state went by this share of the way to another vector, of at most unit length: no update,
    and nothing learnt. With `prior` it counts as what the state begins with."""

    at: float
    toward: bytes
    share: Share
    prior: bool = False


class StateUpdated(msgspec.Struct, frozen=True, gc=False, tag="advised"):
    """One update by a unit vector that no memory stands for."""

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
