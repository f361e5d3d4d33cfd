"""The cached memories of one session: contents, vectors in rows, tiers."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from sys import getsizeof
from typing import Protocol

import numpy as np
import numpy.typing as npt
from msgspec import Struct

from semvec.kernels.pages import Lease, OwnPools, VectorPools
from semvec.session.events import (
    Access,
    Consolidation,
    ConsolidationStatus,
    MemoryRecord,
    MemoryTier,
    Move,
    join_pair,
)
from semvec.session.lexical import LexicalIndex
from semvec.session.memory_accounting import MEMORY_BYTES, text_bytes
from semvec.session.rows import TokenRows, UnitRows
from semvec.session.text_normalise import fold_of
from semvec.vectors import Vector
from semvec.words import terms

MEMORY_COLUMNS = (
    *("ids", "created", "last_access", "accesses", "importance", "nearest"),
    *("tiers", "standing"),
)

RowNumbers = npt.NDArray[np.intp]


class Worded(Protocol):
    @property
    def text(self) -> str: ...


def text_of(said: Worded | None) -> str | None:
    return None if said is None else said.text


class Content(Struct, frozen=True, gc=False):
    """The text of a memory; its changing values are in the columns."""

    id: int
    hash: str
    fold: bytes
    question: str | None
    response: str | None

    @property
    def text(self) -> str:
        return join_pair(self.question, self.response)

    @property
    def today(self) -> bytes:
        """The digest of the text by the current rule; `fold` may follow the former one."""
        return fold_of(self.fold, self.text)

    @property
    def text_bytes(self) -> int:
        return text_bytes(self.question) + text_bytes(self.response)


class Memories:
    """Memories by row; a row freed by a move to the archive is used again.

    `vectors` and `questions` are unit vectors; a memory that is no pair has the same vector in
    both. `tokens` are the token vectors, of `token_dimension` numbers, of memories that have some.
    `count` rows are or were in use. Rows without a memory have id -1 and no vectors. All vectors
    are in `planes`, by default in arrays of the session's own.
    """

    def __init__(
        self,
        dimension: int,
        long_term: int,
        token_dimension: int = 0,
        planes: VectorPools | None = None,
    ) -> None:
        self.long_term = long_term
        self.count = 0
        self._planes = planes or OwnPools()
        self.vectors = UnitRows(self._planes.plane(dimension))
        self.questions: UnitRows | None = None
        self.tokens = TokenRows(self._planes.plane(token_dimension))
        self.ids = np.full(16, -1, np.int64)
        self.created = np.zeros(16)
        self.last_access = np.zeros(16)
        self.accesses = np.zeros(16, np.int64)
        self.importance = np.zeros(16)
        self.nearest = np.zeros(16)
        self.tiers = np.full(16, -1, np.int8)
        self.standing = np.zeros(16, np.int8)
        self.contents: list[Content | None] = []
        self.lexical = LexicalIndex()
        self.tier_ids: dict[MemoryTier, dict[int, None]] = {
            tier: {}
            for tier in (MemoryTier.SHORT_TERM, MemoryTier.MEDIUM_TERM, MemoryTier.LONG_TERM)
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
        """Bytes of vectors, columns, texts, postings and lookup tables."""
        questions = 0 if self.questions is None else self.questions.nbytes
        vectors = self.vectors.nbytes + questions + self.tokens.nbytes
        columns: int = sum(getattr(self, name).nbytes for name in MEMORY_COLUMNS)
        by_number = (self._row_of, self._id_of_hash, self._id_of_fold, self.contents, self._free)
        found = sum(map(getsizeof, chain(by_number, self.tier_ids.values())))
        contents = MEMORY_BYTES * len(self) + self.text_bytes
        return vectors + columns + found + contents + self.lexical.nbytes

    @property
    def leases(self) -> tuple[Lease, ...]:
        """The leases of the text vectors, and of the question vectors if there are any."""
        if self.questions is None:
            return (self.vectors.lease,)
        return self.vectors.lease, self.questions.lease

    @property
    def numbers(self) -> int:
        """Numbers that `cosines` reads."""
        return sum(each.numbers for each in self.leases)

    def row(self, memory_id: int) -> int:
        return self._row_of[memory_id]

    def content(self, row: int) -> Content:
        content = self.contents[row]
        assert content is not None
        return content

    def tier(self, memory_id: int) -> MemoryTier:
        return MemoryTier(self.tiers[self._row_of[memory_id]])

    def find_by_hash(self, digest: str) -> int | None:
        """Return the id of the memory with this hash."""
        return self._id_of_hash.get(digest)

    def find_by_text(self, fold: bytes) -> tuple[int, float] | None:
        """Return id and importance of the memory with this digest
        (`text_normalise.normalised_digest`)."""
        memory_id = self._id_of_fold.get(fold)
        if memory_id is None:
            return None
        return memory_id, float(self.importance[self._row_of[memory_id]])

    def record(self, memory_id: int) -> MemoryRecord:
        row, content = self._row_of[memory_id], self.content(self._row_of[memory_id])
        question_vector = None
        if self.questions is not None and content.question and content.response:
            question_vector = self.questions.packed(row)
        return MemoryRecord(
            id=memory_id,
            hash=content.hash,
            fold=content.fold,
            question=content.question,
            response=content.response,
            vector=self.vectors.packed(row),
            question_vector=question_vector,
            tokens=self.tokens.packed(row),
            created=float(self.created[row]),
            last_access=float(self.last_access[row]),
            access_count=int(self.accesses[row]),
            importance=float(self.importance[row]),
            nearest=float(self.nearest[row]),
            standing=ConsolidationStatus(int(self.standing[row])),
        )

    def records_after(self, memory_id: int) -> Iterator[MemoryRecord]:
        """Yield the memories with larger ids than this one, in order of learning."""
        return (self.record(each) for each in sorted(self._row_of) if each > memory_id)

    def add(self, record: MemoryRecord, tier: MemoryTier) -> None:
        row = self._free.pop() if self._free else self._append_row()
        self.vectors.put(row, record.vector)
        if record.question_vector is not None and self.questions is None:
            plane = self._planes.plane(self.vectors.dimension)
            self.questions = UnitRows(plane).copied(self.vectors)
        if self.questions is not None:
            self.questions.put(row, record.question_vector or record.vector)
        self.tokens.put(row, record.tokens)
        self.ids[row], self.tiers[row] = record.id, tier
        self.created[row], self.last_access[row] = record.created, record.last_access
        self.accesses[row], self.importance[row] = record.access_count, record.importance
        self.nearest[row] = record.nearest
        self.standing[row] = (
            record.standing if tier is MemoryTier.LONG_TERM else ConsolidationStatus.NEW
        )
        content = Content(record.id, record.hash, record.fold, record.question, record.response)
        self.contents[row] = content
        self.lexical.add(row, terms(content.text))
        self.tier_ids[tier][record.id] = None
        self.text_bytes += content.text_bytes
        self._row_of[record.id] = row
        self._id_of_hash[record.hash] = record.id
        self._id_of_fold[content.today] = record.id

    def move(self, move: Move) -> None:
        row = self._row_of[move.memory_id]
        del self.tier_ids[MemoryTier(self.tiers[row])][move.memory_id]
        self.tiers[row] = move.tier
        if move.tier is MemoryTier.ARCHIVE:
            self._remove(row)
        else:
            self.tier_ids[move.tier][move.memory_id] = None

    def touch(self, access: Access) -> None:
        """Count accesses; those of a memory that is now archived are ignored."""
        if (row := self._row_of.get(access.memory_id)) is not None:
            self.accesses[row] += access.count
            self.last_access[row] = max(float(self.last_access[row]), access.at)

    def reinforce(self, memory_id: int, importance: float, at: float) -> None:
        self.touch(Access(memory_id, 1, at))
        self.importance[self._row_of[memory_id]] = importance

    def judge(self, verdict: Consolidation) -> None:
        row = self._row_of[verdict.memory_id]
        self.standing[row], self.nearest[row] = verdict.standing, verdict.nearest
        self.importance[row] = verdict.importance

    def cosines(self, queries: Vector) -> Vector:
        """Return the higher of the cosines of each row's text and question to unit vectors.

        `queries` has shape (m, d), the result (m, count), float32; 0 in rows without a memory.
        """
        texts = self.text_cosines(queries)
        if self.questions is None:
            return texts
        return np.maximum(texts, self.questions.cosines(queries, self.count), out=texts)

    def renewed(self, before: Vector, x: Vector, ids: Sequence[int]) -> Vector:
        """Return the cosines of `x`, shape (d,), to all rows, from those computed before the
        memories `ids` were added."""
        renewed = np.zeros(self.count, np.float32)
        renewed[: len(before)] = before
        renewed[self.ids[: self.count] < 0] = 0.0
        rows = np.array([self._row_of[memory_id] for memory_id in ids], np.intp)
        renewed[rows] = self._nearer(x, rows)
        return renewed

    def text_cosines(self, queries: Vector) -> Vector:
        """Return the cosines to each row's text alone, shape (m, count)."""
        return self.vectors.cosines(queries, self.count)

    def _nearer(self, x: Vector, rows: RowNumbers) -> Vector:
        """Return the `cosines` of one vector to these rows, shape (n,)."""
        nearer: Vector = self.vectors.cosines_of(x[None], rows)[0]
        if self.questions is not None:
            np.maximum(nearer, self.questions.cosines_of(x[None], rows)[0], out=nearer)
        return nearer

    def rows(self, ids: Iterable[int]) -> RowNumbers:
        """Return the rows of those `ids` that are present."""
        known = (self._row_of.get(memory_id, -1) for memory_id in ids)
        return np.fromiter((row for row in known if row >= 0), np.intp)

    def _append_row(self) -> int:
        if self.count == len(self.ids):
            self._grow()
        self.contents.append(None)
        self.count += 1
        return self.count - 1

    def _grow(self) -> None:
        extra = max(16, self.count // 2)
        for name in MEMORY_COLUMNS:
            column = getattr(self, name)
            setattr(self, name, np.concatenate([column, np.full(extra, -1, column.dtype)]))

    def _remove(self, row: int) -> None:
        content = self.content(row)
        self.ids[row] = -1
        self.lexical.remove(row, terms(content.text))
        self.vectors.clear(row)
        if self.questions is not None:
            self.questions.clear(row)
        self.tokens.clear(row)
        self.contents[row] = None
        self.text_bytes -= content.text_bytes
        del self._row_of[content.id]
        if self._id_of_hash.get(content.hash) == content.id:
            del self._id_of_hash[content.hash]
        if self._id_of_fold.get(fold := content.today) == content.id:
            del self._id_of_fold[fold]
        self._free.append(row)
