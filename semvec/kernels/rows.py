"""Rows of vectors, in NumPy: by themselves, beside queries, and beside their neighbours.

Rows of memories are int8 codes: row i stands for the unit vector `scales[i] * codes[i]`, a zero row
for no vector.
"""

from collections.abc import Sequence
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

Real = TypeVar("Real", np.float32, np.float64)
Codes = npt.NDArray[np.int8]
Scales = npt.NDArray[np.float32]
RowPlaces = npt.NDArray[np.intp]
RowIds = npt.NDArray[np.int64]

ROWS_PER_BLOCK = 256
"""Rows that are widened at once: they stay in the cache between widening and product."""
MEMORIES_PER_BLOCK = 64
"""Memories whose tokens are widened at once, for the same reason."""


def normalised(rows: npt.NDArray[Real]) -> npt.NDArray[Real]:
    """Rows, shape (n, d), at unit length; zero rows stay zero."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    unit: npt.NDArray[Real] = np.divide(rows, lengths, out=np.zeros_like(rows), where=lengths > 0.0)
    return unit


def quantise(rows: npt.NDArray[Real]) -> Codes:
    """int8 codes of rows (n, d): each over its largest magnitude, times 127, rounded to even.

    Elementwise but for the largest magnitude, so that the same row gives the same codes anywhere.
    A row loses its length and keeps its direction: at d = 384 the cosine to it is about .99996.
    """
    largest = np.abs(rows).max(axis=1, keepdims=True, initial=0.0)
    steps = np.divide(127.0, largest, out=np.zeros_like(largest), where=largest > 0.0)
    codes: Codes = np.rint(rows * steps).astype(np.int8)
    return codes


def unit_scales(codes: Codes) -> Scales:
    """What makes each row of codes (n, d) unit length, shape (n,); 0 for zero rows.

    The sum of squares is exact, so the scales are the same everywhere.
    """
    squares = np.einsum("nd,nd->n", codes, codes, dtype=np.int64)
    roots = np.sqrt(squares.astype(np.float64))
    scales: Scales = np.divide(1.0, roots, where=squares > 0, out=roots).astype(np.float32)
    return scales


def cosines(
    queries: npt.NDArray[Real], rows: npt.NDArray[Any], scales: Scales | None
) -> npt.NDArray[Real]:
    """Cosines of unit queries (m, d) to rows (n, d), codes or numbers, shape (m, n); 0 for zero
    rows.

    One pass over the rows serves all queries: reading them is what takes the time.
    """
    found = np.empty((len(queries), len(rows)), queries.dtype)
    for start in range(0, len(rows), ROWS_PER_BLOCK):
        block = rows[start : start + ROWS_PER_BLOCK].astype(queries.dtype, copy=False)
        np.matmul(queries, block.T, out=found[:, start : start + ROWS_PER_BLOCK])
    if scales is not None:
        found *= scales
    return found


def paged_cosines(
    queries: npt.NDArray[Real], codes: Codes, scales: Scales, runs: Sequence[slice], count: int
) -> npt.NDArray[Real]:
    """`cosines` to the rows of these runs, `count` together, of BLOCK each and the last of no more;
    shape (m, count)."""
    found = np.empty((len(queries), count), queries.dtype)
    for begin, run in zip(range(0, count, ROWS_PER_BLOCK), runs, strict=True):
        block = codes[run].astype(queries.dtype)
        np.matmul(queries, block.T, out=found[:, begin : begin + ROWS_PER_BLOCK])
    if runs:
        found *= scales[runs[0]] if len(runs) == 1 else np.concatenate([scales[r] for r in runs])
    return found


def nearest(
    queries: npt.NDArray[Real], codes: Codes, scales: Scales
) -> tuple[RowPlaces, npt.NDArray[Real]]:
    """Of rows (n, d) the one with the highest cosine to each unit query (m, d), and that cosine;
    both of shape (m,). Of equals the first row; 0 and -1 where there are no rows."""
    places = np.zeros(len(queries), np.intp)
    highest = np.full(len(queries), -1.0, queries.dtype)
    for start in range(0, len(codes), ROWS_PER_BLOCK):
        block = slice(start, start + ROWS_PER_BLOCK)
        found = cosines(queries, codes[block], scales[block])
        best = found.argmax(axis=1)
        cosine = found[np.arange(len(found)), best]
        higher = cosine > highest
        places[higher], highest[higher] = start + best[higher], cosine[higher]
    return places, highest


def token_maxima(
    queries: npt.NDArray[Real], codes: Codes, scales: Scales, starts: RowPlaces, lengths: RowPlaces
) -> npt.NDArray[Real]:
    """The highest cosine of each query token to any token of each memory, shape (q, n).

    The query's token vectors are (q, p), unit length; memory i has the `lengths[i]` rows of codes
    (t, p) from `starts[i]`. 0 where a memory has no tokens, and where all its cosines are negative.
    Their weighted sum over q is the MaxSim of late interaction (Khattab and Zaharia, SIGIR 2020).
    """
    found = np.zeros((len(queries), len(starts)), queries.dtype)
    held = np.flatnonzero(lengths)
    for start in range(0, len(held), MEMORIES_PER_BLOCK):
        at = held[start : start + MEMORIES_PER_BLOCK]
        rows, firsts = ragged_rows(starts[at], lengths[at])
        products = codes.take(rows, axis=0).astype(queries.dtype) @ queries.T
        products *= scales.take(rows)[:, None]
        found[:, at] = np.maximum.reduceat(products, firsts, axis=0).T
    return np.maximum(found, 0.0, out=found)


def ragged_rows(starts: RowPlaces, lengths: RowPlaces) -> tuple[RowPlaces, RowPlaces]:
    """The rows of n runs, one run after the other, and where each run begins among them."""
    firsts = np.cumsum(lengths) - lengths
    rows = np.repeat(starts - firsts, lengths) + np.arange(lengths.sum())
    return rows, firsts


def spread(
    answered: npt.NDArray[Real], ids: RowIds, after: Sequence[float], before: Sequence[float]
) -> npt.NDArray[Real]:
    """The highest of each memory's own number and its neighbours' shares of theirs, shape (q, n).

    `answered`, shape (q, n), is at least 0; `ids`, shape (n,), rise in the order of learning. What
    is answered one, two, ... turns earlier counts `after`, later `before`. Neighbours are those
    whose ids are near; a memory that is not among these leaves a gap.
    """
    best, reach = answered.copy(), max(len(after), len(before))
    forth, back = (_share_by_gap(shares, reach, best.dtype) for shares in (after, before))
    for distance in range(1, min(reach, len(ids) - 1) + 1):
        earlier, later = slice(None, -distance), slice(distance, None)
        gaps = np.minimum(ids[later] - ids[earlier], reach + 1)
        for shares, here, there in ((forth, later, earlier), (back, earlier, later)):
            if shares[distance]:
                near = shares.take(gaps) * answered[:, there]
                np.maximum(best[:, here], near, out=best[:, here])
    return best


def _share_by_gap(shares: Sequence[float], reach: int, dtype: np.dtype[Real]) -> npt.NDArray[Real]:
    """The share over a distance of so many turns, from 0 to one past `reach`."""
    return np.array([0.0, *shares, *[0.0] * (reach + 1 - len(shares))], dtype)
