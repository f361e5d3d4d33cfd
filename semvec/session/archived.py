"""Candidates from the archive, in arrays like those of the cached rows."""

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import overload

import numpy as np

from semvec.kernels.numpy_ import Codes, cosines, token_maxima, unit_scales
from semvec.session.events import MemoryRecord
from semvec.session.lexical import LexicalIndex
from semvec.session.scoring import Scores
from semvec.vectors import Vector
from semvec.words import terms

SHORT_CANDIDATE = 8_000
"""Characters of all candidates together whose words are counted within milliseconds."""


class Candidates(Sequence[MemoryRecord]):
    """Memories found in the archive. Their words are counted once, on first use; those of long
    texts should be counted on a thread before that."""

    def __init__(self, records: Sequence[MemoryRecord] = ()) -> None:
        self._records = records

    @overload
    def __getitem__(self, place: int) -> MemoryRecord: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[MemoryRecord]: ...
    def __getitem__(self, place: int | slice) -> MemoryRecord | Sequence[MemoryRecord]:
        return self._records[place]

    def __len__(self) -> int:
        return len(self._records)

    @property
    def short(self) -> bool:
        """Whether the words are counted within milliseconds."""
        return sum(map(_length, self._records)) <= SHORT_CANDIDATE

    @cached_property
    def documents(self) -> Mapping[int, "Counter[str]"]:
        """Counts of each term, by memory id."""
        return {record.id: Counter(terms(record.text)) for record in self._records}

    def count_words(self) -> None:
        assert len(self.documents) <= len(self)


class Archived:
    """Memories that are in no row; arrays of shape (n,) in the order of `records`."""

    def __init__(self, candidates: Candidates, records: Sequence[MemoryRecord]) -> None:
        """`records` are the candidates that are in no row."""
        self._candidates, self.records = candidates, records
        self.ids = np.array([record.id for record in records], np.int64)
        self.created = np.array([record.created for record in records])
        self.importance = np.array([record.importance for record in records])
        self.tokened = np.array([bool(record.tokens) for record in records], bool)
        self._vectors = [record.vector for record in records]
        self._questions = [record.question_vector or record.vector for record in records]

    def __len__(self) -> int:
        return len(self.records)

    def cosines(self, queries: Vector) -> Vector:
        """Return the higher of the text's and the question's cosine to unit vectors (m, d), shape
        (m, n)."""
        return np.maximum(self.text_cosines(queries), _cosines(queries, self._questions))

    def text_cosines(self, queries: Vector) -> Vector:
        return _cosines(queries, self._vectors)

    def maxima(self, queries: Vector) -> Vector:
        """Return the maximum cosines of token vectors (q, p) to each memory that has token vectors,
        in order, shape (q, memories)."""
        kept = [record.tokens for record in self.records if record.tokens]
        if not kept:
            return np.zeros((len(queries), 0), np.float32)
        p = queries.shape[1]
        lengths = np.array([len(tokens) // p for tokens in kept], np.intp)
        codes = rows_of(kept, p)
        starts = np.cumsum(lengths) - lengths
        return token_maxima(queries, codes, unit_scales(codes), starts, lengths)

    def occurrences(self, stems: Sequence[Sequence[str]], index: LexicalIndex) -> Scores:
        """Return how strongly each unit's word occurs in each memory, shape (q, n), in [0, 1]."""
        found = np.zeros((len(stems), len(self)), np.float32)
        if not self.records:
            return found
        counted = self._candidates.documents
        documents = [counted[record.id] for record in self.records]
        lengths = np.array([document.total() for document in documents], np.float32)
        for unit, each in enumerate(stems):
            for stem in each:
                times = np.array([document[stem] for document in documents], np.float32)
                np.maximum(found[unit], index.shares(times, lengths), out=found[unit])
        return found


def _length(record: MemoryRecord) -> int:
    return len(record.question or "") + len(record.response or "")


def rows_of(codes: Sequence[bytes], dimension: int) -> Codes:
    return np.frombuffer(b"".join(codes), np.int8).reshape(-1, dimension)


def _cosines(queries: Vector, vectors: Sequence[bytes]) -> Vector:
    if not vectors:
        return np.zeros((len(queries), 0), np.float32)
    codes = rows_of(vectors, queries.shape[1])
    return cosines(queries, codes, unit_scales(codes))
