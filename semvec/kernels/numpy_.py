"""Every vector operation in NumPy: the definition, and the path without a GPU.

float64 in, float64 out gives the reference for every other path. What each operation takes and
answers is said in `protocol.Kernels`, which this module is one of.
"""

import numpy as np

from semvec.kernels.groups import attention_means, near_across, near_pairs, weighted_means
from semvec.kernels.protocol import Host, Kernels
from semvec.kernels.ragged import (
    cosine_top,
    match_top,
    maxsim_top,
    ragged_cosines,
    ragged_maxima,
)
from semvec.kernels.rows import (
    Codes,
    Places,
    Scales,
    cosines,
    dequantise,
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
    "Places",
    "Scales",
    "attention_means",
    "cosine_top",
    "cosines",
    "dequantise",
    "fetch",
    "match_top",
    "maxsim_top",
    "near_across",
    "near_pairs",
    "nearest",
    "normalised",
    "paged_cosines",
    "place",
    "quantise",
    "ragged_cosines",
    "ragged_maxima",
    "ragged_rows",
    "spread",
    "token_maxima",
    "unit_scales",
    "weighted_means",
]


def place(array: Host) -> Host:
    return np.asarray(array)


def fetch(array: Host) -> Host:
    return array
