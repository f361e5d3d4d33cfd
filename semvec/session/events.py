"""What can happen to a session: the journal's records.

An event holds decisions, not commands. Applying one only stores and does elementwise arithmetic, so
that a replay is exact to the bit and later rules never change what an old event means.
Vectors are bytes, as `semvec.vectors.packed` makes them.
"""

from enum import IntEnum
from typing import TypeAlias

import msgspec

from semvec.session.drift import Step
from semvec.session.state import Update


def joined(question: str | None, response: str | None) -> str:
    """A memory's text: the question, the response, or both on lines of their own."""
    return "\n".join(part for part in (question, response) if part is not None)


class Tier(IntEnum):
    SHORT_TERM = 0
    MEDIUM_TERM = 1
    LONG_TERM = 2
    ARCHIVE = 3


class PolicyVector(msgspec.Struct, frozen=True, gc=False):
    """A standing anchor of a session: unit vector, weight, what it stands for."""

    vector: bytes
    weight: float = 1.0
    label: str | None = None


class Profile(msgspec.Struct, frozen=True, gc=False):
    """What a session is made with and keeps for life.

    `model` names the embedder whose vectors it holds; None where the client brings all vectors.
    """

    dimension: int
    model: str | None
    long_term: int
    topic_switch: bool = True
    template: bytes | None = None
    policies: tuple[PolicyVector, ...] = ()


class Heard(msgspec.Struct, frozen=True, gc=False):
    """One input on arrival: its words, its embedding, what the drift detector made of it.

    One that `asks` waits for its answer from now on.
    """

    text: str
    vector: bytes
    step: Step
    asks: bool = False


class Learnt(msgspec.Struct, frozen=True, gc=False):
    """One update: a memory made of what was pending and what was heard, or an older one reinforced.

    `asked` says whether the pending question is part of it, `answer` which input is, by its place.
    `scale` normalises the sum of a pair's two embeddings; `nearest` is the highest cosine to any
    memory at the time; `importance` is what the memory has from now on.
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
    update: Update


class Move(msgspec.Struct, frozen=True, gc=False):
    memory_id: int
    tier: Tier


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

    @property
    def text(self) -> str:
        return joined(self.question, self.response)


class Created(msgspec.Struct, frozen=True, tag="created"):
    at: float
    profile: Profile


class Turn(msgspec.Struct, frozen=True, gc=False, tag="turn"):
    """One request's changes; without `heard`, only accesses and returns from the archive.

    `boost` is the number of further updates that weigh more because the subject changed.
    """

    at: float
    heard: tuple[Heard, ...] = ()
    learnt: tuple[Learnt, ...] = ()
    moves: tuple[Move, ...] = ()
    accessed: tuple[Access, ...] = ()
    returned: tuple[MemoryRecord, ...] = ()
    reset: bool = False
    boost: int = 0

    @property
    def arrivals(self) -> list[int]:
        """Ids of the memories that were not hot before."""
        fresh = [each.memory_id for each in self.learnt if not each.reinforces]
        return [record.id for record in self.returned] + fresh


Event: TypeAlias = Created | Turn

encode_event = msgspec.msgpack.Encoder().encode
decode_event = msgspec.msgpack.Decoder(Event).decode
encode_memory = msgspec.msgpack.Encoder().encode
decode_memory = msgspec.msgpack.Decoder(MemoryRecord).decode
