"""Rows in groups, on a device: which of them are near each other, and what they have in common."""

import numpy as np

from semvec.kernels import plan
from semvec.kernels.checks import (
    check_groups,
    check_queries,
    check_rows,
    check_temperature,
    check_weights,
)
from semvec.kernels.device import DTYPE_NAMES, OnDevice
from semvec.kernels.groups import check_near
from semvec.kernels.protocol import (
    Counts,
    DeviceArray,
    Groups,
    HostNumbers,
    Pairs,
    QuantisedRows,
    Runs,
)
from semvec.kernels.rows import ragged_rows

PAIR_THREADS = 128
PAIR_BYTES = 2 * 2 * 64 * 64
"""Bytes of a block's memory: two stages of two sides of 64 rows, 64 bytes of each."""
FIRST_PAIRS = 4096
"""Pairs that there is room for at first."""
MEAN_WARPS = 8
ROW_BYTES = 512
"""Bytes of each row that a block of means takes."""


class Grouped(OnDevice):
    def near_pairs(self, rows: QuantisedRows, runs: Runs, threshold: float) -> Pairs:
        return self._near(rows, runs, runs, threshold, triangle=True)

    def near_across(self, rows: QuantisedRows, left: Runs, right: Runs, threshold: float) -> Pairs:
        return self._near(rows, left, right, threshold, triangle=False)

    def _near(
        self, rows: QuantisedRows, left: Runs, right: Runs, threshold: float, triangle: bool
    ) -> Pairs:
        check_near(rows, left, right, threshold, "b")
        ours, theirs = (ragged_rows(each.starts, each.lengths)[0] for each in (left, right))
        tiles = plan.tiles(left, right, triangle)
        found, cosines = self._tiles(rows, ours, theirs, tiles, threshold, FIRST_PAIRS)
        order = np.lexsort((found[:, 1], found[:, 0]))
        here, there = found[order].T
        groups = np.searchsorted(np.cumsum(left.counts()), here, side="right")
        return Pairs(groups, ours[here], theirs[there], cosines[order])

    def _tiles(
        self,
        rows: QuantisedRows,
        ours: Counts,
        theirs: Counts,
        tiles: Counts,
        threshold: float,
        room: int,
    ) -> tuple[HostNumbers, HostNumbers]:
        """Pairs of places in the lists of rows, (n, 2), in no order, and their cosines."""
        lefts, rights, placed, number = self._device.upload(
            ours, theirs, tiles, np.zeros(1, np.int64)
        )
        found = self._device.empty((room, 2), np.int64)
        cosines = self._device.empty((room,), np.float32)
        asked = lefts, rights, placed, np.float32(threshold), np.int64(room)
        arguments = *self._rows(rows), *asked, number, found, cosines
        grid = len(tiles), 1
        self._launch("pairs", None, grid, PAIR_BYTES, *arguments, threads=PAIR_THREADS)
        pairs, near, total = self._device.download(found, cosines, number)
        if total[0] > room:
            return self._tiles(rows, ours, theirs, tiles, threshold, int(total[0]))
        return pairs[: total[0]], near[: total[0]]

    def weighted_means(
        self, rows: QuantisedRows, groups: Groups, weights: HostNumbers
    ) -> HostNumbers:
        check_rows(rows, DTYPE_NAMES)
        check_groups(groups, len(rows.values))
        check_weights(weights, groups)
        members, firsts, shares = self._device.upload(
            groups.members, groups.offsets, weights.astype(np.float32)
        )
        return self._means(rows, members, firsts, shares)

    def attention_means(
        self, queries: HostNumbers, rows: QuantisedRows, groups: Groups, temperature: float
    ) -> HostNumbers:
        check_rows(rows, DTYPE_NAMES)
        check_groups(groups, len(rows.values))
        check_queries(queries, "f", len(groups), rows.values.shape[1])
        check_temperature(temperature)
        members, firsts, vectors = self._device.upload(groups.members, groups.offsets, queries)
        weights = self._device.empty(members.shape, np.float32)
        arguments = *self._rows(rows), members, firsts, vectors, np.float32(temperature), weights
        self._launch("attention", rows, (len(groups), 1), 4 * MEAN_WARPS, *arguments)
        return self._means(rows, members, firsts, weights)

    def _means(
        self, rows: QuantisedRows, members: DeviceArray, firsts: DeviceArray, weights: DeviceArray
    ) -> HostNumbers:
        values, scales, d, aligned = self._rows(rows)
        found = self._device.empty((len(firsts) - 1, int(d)), np.float32)
        size = rows.values.dtype.itemsize
        grid = len(firsts) - 1, -(-int(d) * size // ROW_BYTES)
        shared = 4 * MEAN_WARPS * (1 + ROW_BYTES // size)
        arguments = values, scales, d, aligned, members, weights, firsts, found
        self._launch("means", rows, grid, shared, *arguments)
        return self._device.download(found)[0]
