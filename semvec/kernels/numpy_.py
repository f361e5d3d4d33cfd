"""Every vector operation in NumPy: the definition, and the path without a GPU.

float64 in, float64 out gives the reference for every other path. What each operation takes and
answers is said in `protocol.Kernels`, which this module is one of.
"""

import numpy as np

from semvec.kernels.checks import check_written
from semvec.kernels.groups import attention_means, weighted_means
from semvec.kernels.protocol import Counts, HostNumbers, Kernels, QuantisedRows
from semvec.kernels.ragged import match_top, ragged_cosines
from semvec.kernels.rows import (
    Codes,
    RowPlaces,
    Scales,
    cosines,
    nearest,
    normalised,
    paged_cosines,
    quantise,
    ragged_rows,
    spread,
    token_maxima,
    unit_scales,
)

__all__ = [
    "Codes",
    "Kernels",
    "RowPlaces",
    "Scales",
    "attention_means",
    "cosines",
    "empty_rows",
    "match_top",
    "nearest",
    "normalised",
    "paged_cosines",
    "quantise",
    "ragged_cosines",
    "ragged_rows",
    "spread",
    "to_host",
    "token_maxima",
    "unit_scales",
    "upload",
    "weighted_means",
    "write_rows",
]


def to_host(array: HostNumbers) -> HostNumbers:
    return array


def upload(*arrays: HostNumbers) -> list[HostNumbers]:
    return list(arrays)


def empty_rows(number: int, dimension: int) -> QuantisedRows:
    return QuantisedRows(np.empty((number, dimension), np.int8), np.empty(number, np.float32))


def write_rows(rows: QuantisedRows, at: Counts, fresh: QuantisedRows) -> None:
    check_written(rows, at, fresh)
    assert rows.scales is not None
    rows.values[at], rows.scales[at] = fresh.values, fresh.scales
