"""The lexical index of a session: its memories' words with their weights.

The parts of Okapi BM25: its saturated term frequency, and the idf of Lucene, ln(1 + (N - df + 0.5)
/ (df + 0.5)).
"""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from struct import Struct
from sys import getsizeof

import numpy as np
import numpy.typing as npt

from semvec.session.scoring import Scores

K1 = 0.9
B = 0.4
POSTING = Struct("=ii")
"""Slot and frequency. Packed into bytes, as the garbage collector would traverse arrays, and a
session has thousands of postings."""
TERM_BYTES = 125
"""Approximate bytes of a term without its postings and its dictionary entry."""


@dataclass(frozen=True, slots=True, eq=False)
class Occurrences:
    """Occurrences of terms, in arrays of shape (e,): the index of the term, the slot of a memory
    that has it, and its weight there, in [0, 1]."""

    terms: npt.NDArray[np.intp]
    slots: npt.NDArray[np.intp]
    shares: Scores


class LexicalIndex:
    """An inverted index over numbered slots, updated one memory at a time."""

    __slots__ = ("_entries", "_lengths", "_postings", "_size", "_total")

    def __init__(self) -> None:
        self._postings: dict[str, bytearray] = {}
        self._lengths: Scores = np.zeros(16, np.float32)
        self._size = 0
        self._total = 0
        self._entries = 0

    @property
    def nbytes(self) -> int:
        """Bytes of postings and lengths; the overhead of postings is estimated."""
        postings = POSTING.size * self._entries + TERM_BYTES * len(self._postings)
        return postings + getsizeof(self._postings) + self._lengths.nbytes

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
        """Empty a slot; `document` must be the terms added there."""
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

    @property
    def unheard(self) -> float:
        """The idf of a term that no memory has."""
        return math.log(2.0 + 2.0 * self._size)

    def idf(self, term: str) -> float:
        frequency = len(self._postings.get(term, b"")) // POSTING.size
        return math.log(1.0 + (self._size - frequency + 0.5) / (frequency + 0.5))

    def slots(self, term: str) -> npt.NDArray[np.int32]:
        """Return the slots of memories that have the term."""
        return np.frombuffer(bytes(self._postings.get(term, b"")), np.int32)[::2]

    def occurrences(self, terms: Sequence[str]) -> Occurrences:
        """Return the occurrences of these terms, with their weights."""
        postings = [self._postings.get(term, b"") for term in terms]
        counts = [len(each) // POSTING.size for each in postings]
        entries = np.frombuffer(b"".join(postings), np.int32)
        slots, frequencies = entries[::2].astype(np.intp), entries[1::2].astype(np.float32)
        shares = self.shares(frequencies, self._lengths[slots])
        return Occurrences(np.repeat(np.arange(len(terms)), counts), slots, shares)

    def archive_weights(self, query: Sequence[str]) -> dict[str, int]:
        """Return hundredths of idf; sums of integers rank alike in every database."""
        return {term: max(1, round(100 * self.idf(term))) for term in dict.fromkeys(query)}

    def shares(self, frequencies: Scores, lengths: Scores) -> Scores:
        """Return the weights of terms with these frequencies in memories of these lengths, in [0,
        1].

        BM25's saturated frequency, at most 1: about 1 for one occurrence in a memory of average
        length, less in a longer one.
        """
        average = self._total / self._size if self._total else 1.0
        norms = np.float32(K1) * (np.float32(1.0 - B) + np.float32(B / average) * lengths)
        return np.minimum(frequencies * np.float32(K1 + 1.0) / (frequencies + norms), 1.0)
