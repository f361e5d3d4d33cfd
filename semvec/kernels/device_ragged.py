"""Every operation on a device: many queries, each over rows of its own, in one launch."""

from collections.abc import Sequence

import numpy as np

from semvec.kernels import plan
from semvec.kernels.checks import (
    OUT_OF_ROWS,
    check_match,
    check_queries,
    check_questions,
    check_rows,
    check_runs,
    check_spans,
    check_top,
)
from semvec.kernels.device import DTYPE_NAMES, WARP, OnDevice
from semvec.kernels.plan import Blocks
from semvec.kernels.protocol import (
    REACH_LIMIT,
    Counts,
    DeviceArray,
    HostNumbers,
    MatchEvidence,
    QuantisedRows,
    Ranking,
    Runs,
    Spans,
    TokenQueries,
    Top,
)

TOKEN_WIDTH = 128
"""Numbers of a token vector that the kernels have room for."""
LIST_BYTES = plan.WARPS * 128 * 16
"""Bytes of a block's memory for the best of each warp: scores with their ids, 16 bytes each."""


class DeviceKernels(OnDevice):
    """`protocol.Kernels` on a device."""

    def ragged_cosines(self, queries: HostNumbers, rows: QuantisedRows, runs: Runs) -> DeviceArray:
        scanned, blocks, _ = self._scan(queries, rows, runs)
        found = self._device.empty((int(runs.lengths.sum()),), np.float32)
        arguments = *self._rows(rows), *scanned, found
        self._launch("cosines", rows, (len(blocks), 1), query_bytes(rows), *arguments)
        return found

    def _scan(
        self, queries: HostNumbers, rows: QuantisedRows, runs: Runs
    ) -> tuple[tuple[DeviceArray, ...], Blocks, DeviceArray]:
        """Queries, their steps, stretches and items as the kernels take them; the blocks."""
        check_rows(rows, DTYPE_NAMES)
        check_runs(runs, len(rows.values))
        check_queries(queries, "f", len(runs), rows.values.shape[1])
        cut, blocks = plan.stretches(runs, self._device.processors)
        vectors, cut, items, firsts = self._device.upload(queries, cut, blocks.items, blocks.firsts)
        steps = None
        if rows.values.dtype == np.int8:
            vectors, steps = self._fixed(vectors, _padded(rows))
        return (vectors, steps, cut, items), blocks, firsts

    def match_top(
        self,
        questions: TokenQueries,
        tokens: QuantisedRows,
        spans: Spans,
        runs: Runs,
        evidence: MatchEvidence,
        ranking: Ranking,
        k: int,
    ) -> Top:
        check_top(k)
        self._check(questions, tokens, spans, runs)
        check_match(evidence, ranking, questions, runs)
        blocks = plan.chunks(questions, runs, self._device.processors, ranking.reach, evidence)
        vectors, weights, *known, shares, items, firsts, fault = self._device.upload(
            questions.vectors,
            questions.weights,
            evidence.word_shares.astype(np.float32),
            evidence.whole_shares.astype(np.float32),
            evidence.units,
            evidence.memories,
            evidence.shares.astype(np.float32),
            _shares(ranking),
            blocks.items,
            blocks.firsts,
            _no_fault(),
        )
        by_memory = self._staged(evidence.whole, evidence.rest)
        lists = self._lists(len(blocks), k)
        arguments = *self._tokens(tokens, spans), *self._fixed(vectors, TOKEN_WIDTH), weights
        arguments = *arguments, *known, *by_memory, shares, np.int32(ranking.reach)
        arguments = *arguments, items, fault, np.int32(k), *lists
        shared = max(plan.shared_bytes(blocks.items), LIST_BYTES)
        self._launch("match_top", None, (len(blocks), 1), shared, *arguments)
        return self._merged(lists, blocks, firsts, k, fault)

    def _check(
        self, questions: TokenQueries, tokens: QuantisedRows, spans: Spans, runs: Runs
    ) -> None:
        check_questions(questions, tokens, runs, "f")
        check_spans(spans, runs)
        if tokens.values.shape[1] > TOKEN_WIDTH:
            raise ValueError(
                f"tokens have {tokens.values.shape[1]} numbers, more than {TOKEN_WIDTH}"
            )

    def _staged(self, *arrays: DeviceArray | None) -> list[DeviceArray | None]:
        """Those of the host as float32 on the device, in one transfer; the others as they are."""
        ours = [each for each in arrays if isinstance(each, np.ndarray)]
        floats = (each.astype(np.float32, copy=False) for each in ours)
        there = iter(self._device.upload(*floats) if ours else [])
        return [next(there) if isinstance(each, np.ndarray) else each for each in arrays]

    def _tokens(self, tokens: QuantisedRows, spans: Spans) -> tuple[DeviceArray | np.generic, ...]:
        rows = np.int64(len(tokens.values))
        return *self._rows(tokens), rows, spans.starts, spans.lengths, spans.ids

    def _fixed(self, vectors: DeviceArray, width: int) -> tuple[DeviceArray, DeviceArray]:
        """Vectors (m, d) as 16-bit numbers in two halves, (m, 2, width), and their steps."""
        number, d = vectors.shape
        halves = self._device.empty((number, 2, width), np.int8)
        steps = self._device.empty((number,), np.float32)
        sizes = np.int32(number), np.int32(d), np.int32(width)
        self._launch(
            "fixed", None, (-(-number * WARP // 256), 1), 0, vectors, *sizes, halves, steps
        )
        return halves, steps

    def _lists(self, number: int, k: int) -> tuple[DeviceArray, DeviceArray]:
        empty = self._device.empty
        return empty((number, k), np.float32), empty((number, k), np.int64)

    def _merged(
        self,
        lists: Sequence[DeviceArray],
        blocks: Blocks,
        firsts: DeviceArray,
        k: int,
        *fault: DeviceArray,
    ) -> Top:
        """The best of the lists that blocks have left."""
        queries, tops = len(blocks.numbers), lists
        if (blocks.numbers != 1).any():
            tops = self._lists(queries, k)
            arguments = *lists, firsts, np.int32(k), *tops
            self._launch("merge", None, (queries, 1), LIST_BYTES, *arguments)
        scores, ids, *faults = self._device.download(*tops, *fault)
        for each in faults:
            _check_fault(each)
        return Top(ids, np.where(ids >= 0, scores, np.float32(0.0)))


def _padded(rows: QuantisedRows) -> int:
    """Numbers of a row up to a whole number of 16 bytes."""
    each, d = 16 // int(rows.values.dtype.itemsize), int(rows.values.shape[1])
    return -(-d // each) * each


def query_bytes(rows: QuantisedRows) -> int:
    """Bytes of a block's memory for its query: two halves beside codes, else float32."""
    return _padded(rows) * (2 if rows.values.dtype == np.int8 else 4)


def _shares(ranking: Ranking) -> HostNumbers:
    """`Ranking` in match.cu."""
    shares = np.zeros((2, REACH_LIMIT), np.float32)
    shares[0, : len(ranking.after)] = ranking.after
    shares[1, : len(ranking.before)] = ranking.before
    return np.append(np.float32(ranking.floor), shares)


def _no_fault() -> Counts:
    return np.zeros(1, np.int32)


def _check_fault(fault: HostNumbers) -> None:
    if fault.any():
        raise ValueError(OUT_OF_ROWS)
