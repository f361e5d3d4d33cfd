"""The k nearest rows to each of many queries, in one launch: the search that promise 22 is about.

The server takes all cosines and ranks them together with words, so that this is the bench's own.
"""

from pathlib import Path

import numpy as np

from semvec.kernels import numpy_
from semvec.kernels.checks import check_array, check_top
from semvec.kernels.device_ragged import LIST_BYTES, DeviceKernels, query_bytes
from semvec.kernels.protocol import DeviceArray, HostNumbers, QuantisedRows, Runs, Top
from semvec.kernels.sources import Source

COSINE_TOP = Source(Path(__file__).with_name("cosine_top.cu"), ("cosine_top",), typed=True)


class DeviceNearest(DeviceKernels):
    """On a device that has compiled COSINE_TOP."""

    def cosine_top(
        self, queries: HostNumbers, rows: QuantisedRows, ids: DeviceArray, runs: Runs, k: int
    ) -> Top:
        """The k rows nearest to each query, among its own; at least 0 are the `ids`, shape (t,),
        int64, of rows that count."""
        check_top(k)
        check_array("ids", ids, "l", len(rows.values))
        scanned, blocks, firsts = self._scan(queries, rows, runs)
        lists = self._lists(len(blocks), k)
        shared = max(query_bytes(rows), LIST_BYTES)
        arguments = *self._rows(rows), ids, *scanned, np.int32(k), *lists
        self._launch("cosine_top", rows, (len(blocks), 1), shared, *arguments)
        return self._merged(lists, blocks, firsts, k)


def cosine_top(
    queries: HostNumbers, rows: QuantisedRows, ids: HostNumbers, runs: Runs, k: int
) -> Top:
    """The same in NumPy."""
    flat = numpy_.ragged_cosines(queries, rows, runs)
    named = ids[numpy_.ragged_rows(runs.starts, runs.lengths)[0]]
    ends = np.cumsum(runs.counts())
    top = Top(np.full((len(runs), k), -1, np.int64), np.zeros((len(runs), k), queries.dtype))
    for row, (start, end) in enumerate(zip(ends - runs.counts(), ends, strict=True)):
        places = start + np.flatnonzero(named[start:end] >= 0)
        best = places[np.lexsort((-named[places], -flat[places]))[:k]]
        top.ids[row, : len(best)], top.scores[row, : len(best)] = named[best], flat[best]
    return top
