"""The hot memories of one session: contents, vectors in rows, tiers, retention."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from hashlib import sha256
from itertools import chain
from typing import Protocol

import numpy as np
import numpy.typing as npt
from msgspec import Struct

from semvec.kernels.numpy_ import cosines, nearer_cosines
from semvec.session.bm25 import LexicalIndex
from semvec.session.events import Access, MemoryRecord, Move, Tier, joined
from semvec.session.words import terms
from semvec.vectors import Vector, packed, unpacked

SHORT_TERM, MEDIUM_TERM = 16, 64
NEWEST_AGE = 1.0
"""Seconds below which an age counts as this."""

COLUMNS = (
    *("ids", "previous", "next", "created", "last_access"),
    *("accesses", "importance", "nearest", "tiers"),
)
ROW_BYTES = 65
"""Bytes of one row of all columns."""

Rows = npt.NDArray[np.intp]


def content_hash(text: str) -> str:
    """32 hex digits (128 bits) of SHA-256 over the UTF-8 text."""
    return sha256(text.encode()).hexdigest()[:32]


class Worded(Protocol):
    @property
    def text(self) -> str: ...


def text_of(said: Worded | None) -> str | None:
    return None if said is None else said.text


class Content(Struct, frozen=True, gc=False):
    """The words of a memory; what changes about it lies in the columns."""

    id: int
    hash: str
    fold: bytes
    question: str | None
    response: str | None

    @property
    def text(self) -> str:
        return joined(self.question, self.response)


class Memories:
    """Memories by row; a row freed by the archive is used again.

    `vectors` and `questions` have shape (rows, d), float32, unit length or zero; a memory that is
    no pair has its one vector in both. `count` rows are in use or were. Rows without a memory have
    id -1 and zero vectors. `previous` and `next` give the rows learnt just before and after each
    row, -1 for none.
    """

    def __init__(self, dimension: int, long_term: int) -> None:
        self.long_term = long_term
        self.count = 0
        self.vectors = np.zeros((16, dimension), np.float32)
        self.questions: Vector | None = None
        self.ids = np.full(16, -1, np.int64)
        self.previous = np.full(16, -1, np.int64)
        self.next = np.full(16, -1, np.int64)
        self.created = np.zeros(16)
        self.last_access = np.zeros(16)
        self.accesses = np.zeros(16, np.int64)
        self.importance = np.zeros(16)
        self.nearest = np.zeros(16)
        self.tiers = np.full(16, -1, np.int8)
        self.contents: list[Content | None] = []
        self.lexical = LexicalIndex()
        self.tier_ids: dict[Tier, dict[int, None]] = {
            tier: {} for tier in (Tier.SHORT_TERM, Tier.MEDIUM_TERM, Tier.LONG_TERM)
        }
        self.text_bytes = 0
        self._row_of: dict[int, int] = {}
        self._id_of_hash: dict[str, int] = {}
        self._id_of_fold: dict[bytes, int] = {}
        self._free: list[int] = []

    def __len__(self) -> int:
        return len(self._row_of)

    def __contains__(self, memory_id: int) -> bool:
        return memory_id in self._row_of

    @property
    def nbytes(self) -> int:
        """Bytes of vectors, columns, texts and postings."""
        rows = len(self.ids) * (self.vectors.itemsize * self.vectors.shape[1] + ROW_BYTES)
        questions = 0 if self.questions is None else self.questions.nbytes
        return rows + questions + self.text_bytes + self.lexical.nbytes

    def row(self, memory_id: int) -> int:
        return self._row_of[memory_id]

    def content(self, row: int) -> Content:
        content = self.contents[row]
        assert content is not None
        return content

    def with_hash(self, digest: str) -> int | None:
        """The id of the memory with this hash."""
        return self._id_of_hash.get(digest)

    def with_fold(self, fold: bytes) -> tuple[int, float] | None:
        """Id and importance of the memory that says the same, form aside."""
        memory_id = self._id_of_fold.get(fold)
        if memory_id is None:
            return None
        return memory_id, float(self.importance[self._row_of[memory_id]])

    def record(self, memory_id: int) -> MemoryRecord:
        row, content = self._row_of[memory_id], self.content(self._row_of[memory_id])
        question_vector = None
        if self.questions is not None and content.question and content.response:
            question_vector = packed(self.questions[row])
        return MemoryRecord(
            id=memory_id,
            hash=content.hash,
            fold=content.fold,
            question=content.question,
            response=content.response,
            vector=packed(self.vectors[row]),
            question_vector=question_vector,
            created=float(self.created[row]),
            last_access=float(self.last_access[row]),
            access_count=int(self.accesses[row]),
            importance=float(self.importance[row]),
            nearest=float(self.nearest[row]),
        )

    def records_after(self, memory_id: int) -> Iterator[MemoryRecord]:
        """Those learnt after this one, in order of learning."""
        return (self.record(each) for each in sorted(self._row_of) if each > memory_id)

    def add(self, record: MemoryRecord, tier: Tier) -> None:
        row = self._free.pop() if self._free else self._append_row()
        self.vectors[row] = unpacked(record.vector)
        if record.question_vector is not None and self.questions is None:
            self.questions = self.vectors.copy()
        if self.questions is not None:
            self.questions[row] = unpacked(record.question_vector or record.vector)
        self.ids[row], self.tiers[row] = record.id, tier
        self.created[row], self.last_access[row] = record.created, record.last_access
        self.accesses[row], self.importance[row] = record.access_count, record.importance
        self.nearest[row] = record.nearest
        content = Content(record.id, record.hash, record.fold, record.question, record.response)
        self.contents[row] = content
        self._link(self._row_of.get(record.id - 1, -1), row)
        self._link(row, self._row_of.get(record.id + 1, -1))
        self.lexical.add(row, terms(content.text))
        self.tier_ids[tier][record.id] = None
        self.text_bytes += len(content.text.encode())
        self._row_of[record.id] = row
        self._id_of_hash[record.hash] = record.id
        self._id_of_fold[record.fold] = record.id

    def move(self, move: Move) -> None:
        row = self._row_of[move.memory_id]
        del self.tier_ids[Tier(self.tiers[row])][move.memory_id]
        self.tiers[row] = move.tier
        if move.tier is Tier.ARCHIVE:
            self._remove(row)
        else:
            self.tier_ids[move.tier][move.memory_id] = None

    def touch(self, access: Access) -> None:
        """Count accesses; those of a memory that has gone to the archive meanwhile are dropped."""
        if (row := self._row_of.get(access.memory_id)) is not None:
            self.accesses[row] += access.count
            self.last_access[row] = max(float(self.last_access[row]), access.at)

    def reinforce(self, memory_id: int, importance: float, at: float) -> None:
        self.touch(Access(memory_id, 1, at))
        self.importance[self._row_of[memory_id]] = importance

    def cosines(self, queries: Vector) -> Vector:
        """The higher of the cosines of each row's text and question to unit vectors.

        `queries` has shape (m, d), the result (m, count), float32; 0 in rows without a memory.
        """
        texts = self.vectors[: self.count]
        if self.questions is None:
            return cosines(queries, texts)
        return nearer_cosines(queries, texts, self.questions[: self.count])

    def renewed(self, before: Vector, x: Vector, ids: Sequence[int]) -> Vector:
        """Cosines of `x`, shape (d,), taken before the memories `ids` came, brought up to date."""
        renewed = np.zeros(self.count, np.float32)
        renewed[: len(before)] = before
        renewed[self.ids[: self.count] < 0] = 0.0
        for row in map(self.row, ids):
            renewed[row] = self.vectors[row] @ x
            if self.questions is not None:
                renewed[row] = max(renewed[row], self.questions[row] @ x)
        return renewed

    def plan_moves(
        self, arrivals: Sequence[int], now: float, kept: Collection[int] = ()
    ) -> tuple[Move, ...]:
        """Where memories go when `arrivals` enter short_term: each tier's oldest to the next tier,
        and from long_term to the archive what has the lowest retention and is not in `kept`."""
        short = overflow(chain(self.tier_ids[Tier.SHORT_TERM], arrivals), SHORT_TERM)
        medium = overflow(chain(self.tier_ids[Tier.MEDIUM_TERM], short), MEDIUM_TERM)
        surplus = len(self.tier_ids[Tier.LONG_TERM]) + len(medium) - self.long_term
        moves = [Move(memory_id, Tier.MEDIUM_TERM) for memory_id in short]
        moves += [Move(memory_id, Tier.LONG_TERM) for memory_id in medium]
        if surplus > 0:
            moves += [
                Move(memory_id, Tier.ARCHIVE)
                for memory_id in self._weakest(medium, surplus, now, kept)
            ]
        return tuple(moves)

    def retention(self, rows: Rows, now: float) -> npt.NDArray[np.float64]:
        """What speaks for keeping each of `rows`, shape (len(rows),).

        Base-level activation of ACT-R, ln of the sum over accesses of age^(-1/2), in Petrov's
        approximation with one access kept exactly (Petrov, ICCM 2006), plus importance, plus
        distinctiveness (1 - highest cosine to the rest).
        """
        oldest = np.maximum(now - self.created[rows], NEWEST_AGE)
        latest = np.clip(now - self.last_access[rows], NEWEST_AGE, oldest)
        # The others lie spread evenly between the first and the latest: the mean of age^(-1/2)
        # over that span is 2 / (sqrt(oldest) + sqrt(latest)).
        earlier = self.accesses[rows] * 2.0 / (np.sqrt(oldest) + np.sqrt(latest))
        activation = np.log(1.0 / np.sqrt(latest) + earlier)
        kept: npt.NDArray[np.float64] = (
            activation + self.importance[rows] + 1.0 - self.nearest[rows]
        )
        return kept

    def _weakest(
        self, incoming: Iterable[int], number: int, now: float, kept: Collection[int]
    ) -> list[int]:
        rows_of = self._row_of
        held = chain(self.tier_ids[Tier.LONG_TERM], incoming)
        rows = np.fromiter((rows_of[i] for i in held if i in rows_of and i not in kept), np.intp)
        order = np.lexsort((self.ids[rows], self.retention(rows, now)))
        return [int(memory_id) for memory_id in self.ids[rows[order[:number]]]]

    def _append_row(self) -> int:
        if self.count == len(self.ids):
            self._grow()
        self.contents.append(None)
        self.count += 1
        return self.count - 1

    def _grow(self) -> None:
        extra = max(16, self.count // 2)
        for name in COLUMNS:
            column = getattr(self, name)
            setattr(self, name, np.concatenate([column, np.full(extra, -1, column.dtype)]))
        rows = np.zeros((extra, self.vectors.shape[1]), np.float32)
        self.vectors = np.concatenate([self.vectors, rows])
        if self.questions is not None:
            self.questions = np.concatenate([self.questions, rows])

    def _link(self, row: int, following: int) -> None:
        if row >= 0:
            self.next[row] = following
        if following >= 0:
            self.previous[following] = row

    def _remove(self, row: int) -> None:
        content = self.content(row)
        self._link(int(self.previous[row]), -1)
        self._link(-1, int(self.next[row]))
        self.ids[row] = -1
        self.lexical.remove(row, terms(content.text))
        self.vectors[row] = 0.0
        if self.questions is not None:
            self.questions[row] = 0.0
        self.contents[row] = None
        self.text_bytes -= len(content.text.encode())
        del self._row_of[content.id]
        if self._id_of_hash.get(content.hash) == content.id:
            del self._id_of_hash[content.hash]
        if self._id_of_fold.get(content.fold) == content.id:
            del self._id_of_fold[content.fold]
        self._free.append(row)


def overflow(ids: Iterable[int], capacity: int) -> list[int]:
    """The first of `ids` that a tier of this capacity has no room for."""
    held = list(ids)
    return held[: max(0, len(held) - capacity)]
