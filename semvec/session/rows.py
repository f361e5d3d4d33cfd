"""Vectors of the memories of a session, by row, as int8 codes that stand for unit vectors."""

from typing import TypeVar

import numpy as np
import numpy.typing as npt

from semvec.kernels.numpy_ import Codes, Places, cosines, ragged_rows, token_maxima, unit_scales
from semvec.vectors import Vector

FIRST_ROWS = 16


class UnitRows:
    """One unit vector a row; `codes` have shape (rows, d), a row without a vector is zero."""

    def __init__(self, dimension: int) -> None:
        self.codes: Codes = np.zeros((FIRST_ROWS, dimension), np.int8)
        self.scales: Vector = np.zeros(FIRST_ROWS, np.float32)

    @property
    def nbytes(self) -> int:
        return self.codes.nbytes + self.scales.nbytes

    def put(self, row: int, codes: bytes) -> None:
        if row >= len(self.codes):
            self.codes = grown(self.codes, row + 1)
            self.scales = grown(self.scales, row + 1)
        self.codes[row] = np.frombuffer(codes, np.int8)
        self.scales[row] = unit_scales(self.codes[row : row + 1])[0]

    def clear(self, row: int) -> None:
        self.codes[row], self.scales[row] = 0, 0.0

    def copy(self) -> "UnitRows":
        twin = UnitRows(0)
        twin.codes, twin.scales = self.codes.copy(), self.scales.copy()
        return twin

    def cosines(self, queries: Vector, rows: slice | Places) -> Vector:
        """Of unit vectors (m, d) to these rows, shape (m, rows)."""
        return cosines(queries, self.codes[rows], self.scales[rows])


class TokenRows:
    """The token vectors of each row's memory lie together; `codes` have shape (tokens, p).

    New ones are appended. What a memory leaves behind when it goes is reclaimed when there is no
    room and more than a quarter is idle, so at most a third more is held than is needed, and what
    growing by a quarter leaves free.
    """

    def __init__(self, dimension: int) -> None:
        self.codes: Codes = np.zeros((0, dimension), np.int8)
        self.scales: Vector = np.zeros(0, np.float32)
        self.starts: npt.NDArray[np.intp] = np.zeros(FIRST_ROWS, np.intp)
        self.lengths: npt.NDArray[np.intp] = np.zeros(FIRST_ROWS, np.intp)
        self._used = 0

    @property
    def nbytes(self) -> int:
        held = (self.codes, self.scales, self.starts, self.lengths)
        return sum(array.nbytes for array in held)

    def put(self, row: int, packed: bytes | None) -> None:
        """Token vectors of an empty row: codes (n, p) in a row of bytes."""
        if row >= len(self.starts):
            self.starts, self.lengths = grown(self.starts, row + 1), grown(self.lengths, row + 1)
        if packed is None:
            return
        fresh = np.frombuffer(packed, np.int8).reshape(-1, self.codes.shape[1])
        self._make_room(len(fresh))
        start, end = self._used, self._used + len(fresh)
        self.codes[start:end], self.scales[start:end] = fresh, unit_scales(fresh)
        self.starts[row], self.lengths[row] = start, len(fresh)
        self._used = end

    def clear(self, row: int) -> None:
        self.lengths[row] = 0

    def packed(self, row: int) -> bytes | None:
        """What was put there; None for a row without token vectors."""
        if not self.lengths[row]:
            return None
        start = self.starts[row]
        return self.codes[start : start + self.lengths[row]].tobytes()

    def maxima(self, queries: Vector, rows: Places) -> Vector:
        """Of token vectors (q, p) to the memories in `rows`, shape (q, rows)."""
        starts, lengths = self.starts[rows], self.lengths[rows]
        return token_maxima(queries, self.codes, self.scales, starts, lengths)

    def _make_room(self, number: int) -> None:
        if self._used + number <= len(self.codes):
            return
        if 4 * int(self.lengths.sum()) < 3 * self._used:
            self._close_gaps()
        if self._used + number > len(self.codes):
            self.codes = grown(self.codes, self._used + number)
            self.scales = grown(self.scales, self._used + number)

    def _close_gaps(self) -> None:
        """Move what is held to the front."""
        held = np.flatnonzero(self.lengths)
        rows, firsts = ragged_rows(self.starts[held], self.lengths[held])
        self._used = len(rows)
        self.codes[: self._used], self.scales[: self._used] = self.codes[rows], self.scales[rows]
        self.starts[held] = firsts


Kind = TypeVar("Kind", bound=np.generic)


def grown(array: npt.NDArray[Kind], least: int) -> npt.NDArray[Kind]:
    """A copy with room for `least` rows, a quarter or 16 more than before, the new ones zero."""
    rows = max(least, len(array) + max(FIRST_ROWS, len(array) // 4))
    more = np.zeros((rows, *array.shape[1:]), array.dtype)
    more[: len(array)] = array
    return more
