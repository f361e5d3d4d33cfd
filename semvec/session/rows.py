"""Vectors of a session's memories, by row, as int8 codes of unit vectors."""

from typing import TypeVar

import numpy as np
import numpy.typing as npt

from semvec.kernels.numpy_ import (
    Codes,
    RowPlaces,
    Scales,
    cosines,
    paged_cosines,
    ragged_rows,
    token_maxima,
    unit_scales,
)
from semvec.kernels.pages import PAGE_ROWS, SHIFT, Lease, VectorPool
from semvec.vectors import Vector

MIN_ROWS = 16
MAX_TOKENS_PER_MEMORY = PAGE_ROWS
"""Token vectors of one memory, which are all in one page."""
SPARSE = PAGE_ROWS * 3 // 4
"""Rows in use up to which a page of token vectors is compacted."""


class UnitRows:
    """One unit vector in each row; a row without a vector is zero."""

    def __init__(self, plane: VectorPool) -> None:
        self.lease = Lease(plane)

    @property
    def nbytes(self) -> int:
        return self.lease.nbytes

    @property
    def dimension(self) -> int:
        return self.lease.plane.width

    def put(self, row: int, codes: bytes) -> None:
        self.lease.reserve(row + 1)
        self._write(self.lease.place(row), np.frombuffer(codes, np.int8)[None])

    def clear(self, row: int) -> None:
        plane, place = self.lease.plane, self.lease.place(row)
        plane.codes[place], plane.scales[place] = 0, 0.0
        plane.mark_dirty(place, 1)

    def copied(self, other: "UnitRows") -> "UnitRows":
        """Copy the rows of another instance into this one."""
        size, plane = other.lease.size, self.lease.plane
        self.lease.reserve(size)
        for to, source in zip(self.lease.runs(size), other.lease.runs(size), strict=True):
            plane.codes[to] = other.lease.plane.codes[source]
            plane.scales[to] = other.lease.plane.scales[source]
            plane.mark_dirty(to.start, to.stop - to.start)
        return self

    def packed(self, row: int) -> bytes:
        """Return the codes of a row."""
        codes: Codes = self.lease.plane.codes[self.lease.place(row)]
        return codes.tobytes()

    def gathered(self, rows: RowPlaces) -> tuple[Codes, Scales]:
        """Copy the codes and scales of some rows, shapes (n, d) and (n,)."""
        plane, places = self.lease.plane, self.lease.places(rows)
        return plane.codes[places], plane.scales[places]

    def cosines(self, queries: Vector, count: int) -> Vector:
        """Return the cosines of unit vectors (m, d) to the first rows, shape (m, count)."""
        plane = self.lease.plane
        return paged_cosines(queries, plane.codes, plane.scales, self.lease.runs(count), count)

    def cosines_of(self, queries: Vector, rows: RowPlaces) -> Vector:
        """Return the cosines of unit vectors (m, d) to these rows, shape (m, n)."""
        return cosines(queries, *self.gathered(rows))

    def _write(self, place: int, codes: Codes) -> None:
        plane = self.lease.plane
        plane.codes[place : place + 1] = codes
        plane.scales[place] = unit_scales(codes)[0]
        plane.mark_dirty(place, 1)


class TokenRows:
    """The token vectors of each row's memory are contiguous, in one page.

    New ones are appended to the open page. Freed rows are used again: before a page is added, the
    emptiest page is compacted if it is at least a quarter empty. So at most a third more is held
    than is used, and one page.
    """

    def __init__(self, plane: VectorPool) -> None:
        self.lease = Lease(plane)
        self.starts: npt.NDArray[np.intp] = np.zeros(MIN_ROWS, np.intp)
        self.lengths: npt.NDArray[np.intp] = np.zeros(MIN_ROWS, np.intp)
        self._held: list[int] = []
        self._open, self._used = 0, 0

    @property
    def nbytes(self) -> int:
        return self.lease.nbytes + self.starts.nbytes + self.lengths.nbytes

    @property
    def dimension(self) -> int:
        return self.lease.plane.width

    def put(self, row: int, packed: bytes | None) -> None:
        """Store the token vectors of an empty row: codes (n, p) as bytes."""
        if row >= len(self.starts):
            self.starts, self.lengths = grown(self.starts, row + 1), grown(self.lengths, row + 1)
        if not packed:
            return
        plane = self.lease.plane
        fresh = np.frombuffer(packed, np.int8).reshape(-1, plane.width)
        number, start = len(fresh), self._room(len(fresh))
        place = self.lease.place(start)
        plane.codes[place : place + number] = fresh
        plane.scales[place : place + number] = unit_scales(fresh)
        plane.mark_dirty(place, number)
        self.starts[row], self.lengths[row] = start, number
        self._held[self._open] += number
        self._used += number

    def clear(self, row: int) -> None:
        if self.lengths[row]:
            self._held[self.starts[row] >> SHIFT] -= int(self.lengths[row])
            self.lengths[row] = 0

    def packed(self, row: int) -> bytes | None:
        """Return the codes of a row; None if it has no token vectors."""
        if not self.lengths[row]:
            return None
        place = self.lease.place(int(self.starts[row]))
        return self.lease.plane.codes[place : place + self.lengths[row]].tobytes()

    def places(self, rows: RowPlaces) -> RowPlaces:
        """Return the first place of each row's token vectors in the pool, 0 for rows without."""
        held = self.lengths[rows] > 0
        found = np.zeros(len(rows), np.intp)
        found[held] = self.lease.places(self.starts[rows[held]])
        return found

    def maxima(self, queries: Vector, rows: RowPlaces) -> Vector:
        """Return the maximum cosines of token vectors (q, p) to the memories in `rows`, which must
        have some, shape (q, rows)."""
        plane, starts = self.lease.plane, self.lease.places(self.starts[rows])
        return token_maxima(queries, plane.codes, plane.scales, starts, self.lengths[rows])

    def _room(self, number: int) -> int:
        """Return the first free row of the open page, with room for `number` rows; open another
        page if it is full."""
        if number > MAX_TOKENS_PER_MEMORY:
            raise ValueError(f"{number} token vectors are more than {MAX_TOKENS_PER_MEMORY}")
        if not self._held or self._used + number > PAGE_ROWS:
            self._turn_over(number)
        start = PAGE_ROWS * self._open + self._used
        self.lease.reserve(start + number)
        return start

    def _turn_over(self, number: int) -> None:
        """Open a page with room for `number` rows: the emptiest one, compacted, or a new one."""
        page = min(range(len(self._held)), key=self._held.__getitem__, default=None)
        if page is not None and self._held[page] <= min(SPARSE, PAGE_ROWS - number):
            self._close_gaps(page)
            self._open, self._used = page, self._held[page]
        else:
            self._held.append(0)
            self._open, self._used = len(self._held) - 1, 0

    def _close_gaps(self, page: int) -> None:
        """Move the rows in use to the front of the page."""
        rows = np.flatnonzero((self.starts >> SHIFT == page) & (self.lengths > 0))
        sources, firsts = ragged_rows(self.lease.places(self.starts[rows]), self.lengths[rows])
        plane, first = self.lease.plane, self.lease.place(PAGE_ROWS * page)
        to = slice(first, first + len(sources))
        plane.codes[to], plane.scales[to] = plane.codes[sources], plane.scales[sources]
        plane.mark_dirty(first, len(sources))
        self.starts[rows] = PAGE_ROWS * page + firsts


Number = TypeVar("Number", bound=np.generic)


def grown(array: npt.NDArray[Number], least: int) -> npt.NDArray[Number]:
    """Return a copy with room for `least` rows, at least a quarter or 16 more than before; new rows
    are zero."""
    rows = max(least, len(array) + max(MIN_ROWS, len(array) // 4))
    more = np.zeros((rows, *array.shape[1:]), array.dtype)
    more[: len(array)] = array
    return more
