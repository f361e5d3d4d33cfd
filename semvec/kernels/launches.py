"""What sessions ask of a device, and how the questions of many are put together into one launch."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from semvec.kernels.arena import SharedPool
from semvec.kernels.mirror import Mirror
from semvec.kernels.pages import Lease
from semvec.kernels.protocol import (
    Counts,
    HostNumbers,
    Kernels,
    MatchEvidence,
    Ranking,
    Runs,
    Spans,
    TokenQueries,
)
from semvec.kernels.rows import paged_cosines

FloatArray = npt.NDArray[np.float32]
Indices = npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True, eq=False)
class CosineQuery:
    """Unit vectors, shape (m, d), beside the first `count` rows of each lease."""

    queries: FloatArray
    leases: tuple[Lease, ...]
    count: int

    def cosines(self) -> FloatArray:
        """The higher of each vector's cosines to a row of any lease, shape (m, count), in NumPy."""
        first, *others = (
            paged_cosines(self.queries, plane.codes, plane.scales, runs, self.count)
            for plane, runs in ((each.plane, each.runs(self.count)) for each in self.leases)
        )
        for each in others:
            np.maximum(first, each, out=first)
        return first


@dataclass(frozen=True, slots=True, eq=False)
class MatchQuery:
    """One question to n memories, in order of learning: `protocol.Kernels.match_top`.

    By unit: `vectors`, shape (u, p), `weights`, `word_shares` and `whole_shares`. By occurrence of
    a word: `units`, `memories` and `shares`. By memory: `ids`, where its token vectors begin in the
    `plane` and how many they are, `whole` and `rest`.
    """

    plane: SharedPool
    vectors: FloatArray
    weights: FloatArray
    word_shares: FloatArray
    whole_shares: FloatArray
    units: Indices
    memories: Indices
    shares: FloatArray
    ids: Counts
    starts: Counts
    lengths: Counts
    text_cosine: FloatArray
    headroom: FloatArray
    ranking: Ranking
    k: int


Best = tuple[Counts, FloatArray]
"""Ids and scores of the memories that answer best, best first."""
Segment = TypeVar("Segment", CosineQuery, MatchQuery)


class DeviceBatch:
    """Answers to many questions at once, on the thread of the kernels."""

    def __init__(self, kernels: Kernels) -> None:
        self._kernels, self._mirror = kernels, Mirror(kernels)

    def cosines(self, asked: Sequence[CosineQuery]) -> list[FloatArray]:
        """`Compare.cosines` of each."""
        answers: dict[int, FloatArray] = {}
        for plane, numbers in _together(asked, lambda each: _shared(each.leases[0])):
            some = [asked[number] for number in numbers]
            rows = self._mirror.rows(plane)
            queries = np.concatenate([each.queries for each in some for _ in each.leases])
            found = self._kernels.ragged_cosines(queries, rows, _runs(some))
            flat = self._kernels.to_host(found)
            sizes = [len(each.queries) * len(each.leases) * each.count for each in some]
            parts = np.split(flat, np.cumsum(sizes)[:-1])
            for number, each, part in zip(numbers, some, parts, strict=True):
                shape = len(each.leases), len(each.queries), each.count
                answers[number] = part.reshape(shape).max(axis=0)
        return [answers[number] for number in range(len(asked))]

    def matches(self, asked: Sequence[MatchQuery]) -> list[Best]:
        answers: dict[int, Best] = {}
        for (plane, ranking), numbers in _together(asked, lambda each: (each.plane, each.ranking)):
            some = [asked[number] for number in numbers]
            tokens = self._mirror.rows(plane)
            spans = self._kernels.upload(
                *(_joined([getattr(each, name) for each in some], np.int64) for name in SPANS)
            )
            counts = np.array([len(each.ids) for each in some])
            top = self._kernels.match_top(
                _questions(some),
                tokens,
                Spans(*spans),
                Runs.single(np.cumsum(counts) - counts, counts),
                _evidence(some),
                ranking,
                max(each.k for each in some),
            )
            for number, each, ids, scores in zip(numbers, some, top.ids, top.scores, strict=True):
                held = np.flatnonzero(ids[: each.k] >= 0)
                answers[number] = ids[held], scores[held]
        return [answers[number] for number in range(len(asked))]


SPANS = ("starts", "lengths", "ids")
GroupKey = TypeVar("GroupKey")


def _together(
    asked: Sequence[Segment], key: Callable[[Segment], GroupKey]
) -> Iterable[tuple[GroupKey, list[int]]]:
    """Places of the questions that can share a launch, by what they share."""
    found: dict[GroupKey, list[int]] = {}
    for number, each in enumerate(asked):
        found.setdefault(key(each), []).append(number)
    return found.items()


def _shared(lease: Lease) -> SharedPool:
    assert isinstance(lease.plane, SharedPool)
    return lease.plane


def _runs(asked: Sequence[CosineQuery]) -> Runs:
    """One set of runs for each lease and vector."""
    starts, lengths, numbers = [], [], [0]
    for each in asked:
        for lease in each.leases:
            runs = list(lease.runs(each.count))
            for _ in each.queries:
                starts += [run.start for run in runs]
                lengths += [run.stop - run.start for run in runs]
                numbers.append(len(runs))
    return Runs(np.array(starts, np.int64), np.array(lengths, np.int64), np.cumsum(numbers))


def _questions(asked: Sequence[MatchQuery]) -> TokenQueries:
    return TokenQueries(
        _joined([each.vectors for each in asked], np.float32),
        _joined([each.weights for each in asked], np.float32),
        _offsets(len(each.vectors) for each in asked),
    )


def _evidence(asked: Sequence[MatchQuery]) -> MatchEvidence:
    return MatchEvidence(
        _joined([each.word_shares for each in asked], np.float32),
        _joined([each.whole_shares for each in asked], np.float32),
        _joined([each.units for each in asked], np.int32),
        _joined([each.memories for each in asked], np.int32),
        _joined([each.shares for each in asked], np.float32),
        _offsets(len(each.units) for each in asked),
        _joined([each.text_cosine for each in asked], np.float32),
        _joined([each.headroom for each in asked], np.float32),
    )


def _joined(parts: Sequence[HostNumbers], dtype: type) -> HostNumbers:
    return np.concatenate(parts).astype(dtype, copy=False)


def _offsets(lengths: Iterable[int]) -> Counts:
    return np.append(0, np.cumsum(np.fromiter(lengths, np.int64)))
