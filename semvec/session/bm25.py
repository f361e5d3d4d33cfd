"""BM25 over the memories of a session.

Okapi BM25 with the idf of Lucene, ln(1 + (N - df + 0.5) / (df + 0.5)).
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from struct import Struct

import numpy as np
import numpy.typing as npt

from semvec.session.recall import Scores

K1 = 0.9
B = 0.4
POSTING = Struct("=ii")
"""Slot and frequency. Packed, because the garbage collector walks over arrays, and there are
thousands of postings in a session."""
TERM_BYTES = 150
"""Bytes that a term costs beside its postings, about."""


class LexicalIndex:
    """BM25 over numbered slots, kept up to date one memory at a time."""

    __slots__ = ("_entries", "_lengths", "_postings", "_size", "_total")

    def __init__(self) -> None:
        self._postings: dict[str, bytearray] = {}
        self._lengths: Scores = np.zeros(16, np.float32)
        self._size = 0
        self._total = 0
        self._entries = 0

    @property
    def nbytes(self) -> int:
        """Bytes of postings and lengths, the dictionary's own by estimate."""
        return (
            POSTING.size * self._entries + TERM_BYTES * len(self._postings) + self._lengths.nbytes
        )

    def add(self, slot: int, document: Sequence[str]) -> None:
        """Index the terms of a memory in an empty slot."""
        if slot >= len(self._lengths):
            self._lengths = np.append(self._lengths, np.zeros(slot, np.float32))
        self._lengths[slot] = len(document)
        self._size += 1
        self._total += len(document)
        frequencies = Counter(document)
        self._entries += len(frequencies)
        for term, frequency in frequencies.items():
            postings = self._postings.setdefault(term, bytearray())
            postings += POSTING.pack(slot, frequency)

    def remove(self, slot: int, document: Sequence[str]) -> None:
        """Empty a slot; `document` is what was added there."""
        self._lengths[slot] = 0
        self._size -= 1
        self._total -= len(document)
        distinct = set(document)
        self._entries -= len(distinct)
        for term in distinct:
            postings = self._postings[term]
            slots = np.frombuffer(bytes(postings), np.int32)[::2]
            place = POSTING.size * int(np.flatnonzero(slots == slot)[0])
            postings[place : place + POSTING.size] = postings[-POSTING.size :]
            del postings[-POSTING.size :]
            if not postings:
                del self._postings[term]

    def idf(self, term: str) -> float:
        frequency = len(self._postings.get(term, b"")) // POSTING.size
        return math.log(1.0 + (self._size - frequency + 0.5) / (frequency + 0.5))

    def weights(self, query: Sequence[str]) -> dict[str, float]:
        """The idf of each of the query's terms."""
        return {term: self.idf(term) for term in query}

    def scores(self, weights: Mapping[str, float], n: int) -> Scores:
        """Share of the query's idf that each slot answers, shape (n,); empty slots get 0.

        BM25 over the sum of the query's idf: about 1 where every term occurs, a little over it
        where terms are repeated.
        """
        known = [
            (self._postings[term], idf) for term, idf in weights.items() if term in self._postings
        ]
        if not known:
            return np.zeros(n, np.float32)
        entries = np.frombuffer(b"".join([postings for postings, _ in known]), np.int32)
        slots, frequencies = entries[::2].astype(np.intp), entries[1::2].astype(np.float32)
        idf = np.repeat([weight for _, weight in known], [len(p) // POSTING.size for p, _ in known])
        gains = idf * self._saturated(frequencies, self._lengths[slots])
        return (np.bincount(slots, gains, n)[:n] / sum(weights.values())).astype(np.float32)

    def score_document(self, weights: Mapping[str, float], document: Sequence[str]) -> float:
        """The same score for a memory that is in no slot."""
        found = Counter(term for term in document if term in weights)
        if not found:
            return 0.0
        idf = np.array([weights[term] for term in found])
        frequencies = np.array(list(found.values()), np.float32)
        gains = idf * self._saturated(frequencies, np.float32(len(document)))
        return float(gains.sum() / sum(weights.values()))

    def archive_weights(self, query: Sequence[str]) -> dict[str, int]:
        """Hundredths of idf: sums of integers rank alike in every database."""
        return {term: max(1, round(100 * idf)) for term, idf in self.weights(query).items()}

    def _saturated(
        self, frequencies: Scores, lengths: Scores | np.float32
    ) -> npt.NDArray[np.floating]:
        average = self._total / self._size if self._total else 1.0
        return frequencies * (K1 + 1.0) / (frequencies + K1 * (1.0 - B + B / average * lengths))
