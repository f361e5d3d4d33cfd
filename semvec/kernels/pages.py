"""Rows of vectors in pages: what a session has of a plane, which may be everybody's or its own."""

import sys
from collections.abc import Callable
from typing import Protocol

import numpy as np
import numpy.typing as npt

from semvec.kernels.rows import ROWS_PER_BLOCK, Codes, RowPlaces, Scales

PAGE_ROWS = ROWS_PER_BLOCK
"""Rows of a page; what is scanned at once, so that pages cost a scan nothing."""
PART_ROWS = 32
"""Rows of the smallest part of a page: an eighth."""
SHIFT = PAGE_ROWS.bit_length() - 1


class VectorPool(Protocol):
    """Rows of `width` int8 codes with a scale each, in pages and parts of pages.

    `codes` have shape (t, width), `scales` (t,). Rows that nobody has been given hold anything.
    """

    width: int

    @property
    def codes(self) -> Codes: ...

    @property
    def scales(self) -> Scales: ...

    def allocate(self) -> int:
        """The first of PART rows. Raises Unavailable where there are none."""

    def widen(self, first: int, rows: int) -> int:
        """Twice as many rows for those from `first` and what is in them: their first."""

    def free(self, first: int, rows: int) -> None:
        """Take back a page, or a part of one."""

    def mark_dirty(self, first: int, rows: int) -> None:
        """Note that these have changed."""


class VectorPools(Protocol):
    def plane(self, width: int) -> VectorPool: ...


class Lease:
    """Rows of one owner, counted from 0: pages, of which the last may be a part.

    They go back when nobody refers to the lease any more, so that nobody reads what was another's.
    """

    __slots__ = ("_pages", "firsts", "plane", "size")

    def __init__(self, plane: VectorPool) -> None:
        self.plane, self.size = plane, 0
        self.firsts: npt.NDArray[np.intp] = np.zeros(0, np.intp)
        self._pages: list[int] = []

    @property
    def nbytes(self) -> int:
        return self.size * (self.plane.width + 4) + 2 * self.firsts.nbytes

    @property
    def numbers(self) -> int:
        return self.size * self.plane.width

    def reserve(self, rows: int) -> None:
        """Have so many rows at least: a part of a page grows to a page before the next begins."""
        while self.size < rows:
            part = self.size % PAGE_ROWS
            if part:
                self._pages[-1] = self.plane.widen(self._pages[-1], part)
                self.size += part
            else:
                self._pages.append(self.plane.allocate())
                self.size += PART_ROWS
            self.firsts = np.array(self._pages, np.intp)

    def place(self, row: int) -> int:
        """Where a row lies in the plane."""
        return self._pages[row >> SHIFT] + row % PAGE_ROWS

    def places(self, rows: RowPlaces) -> RowPlaces:
        """Where rows lie in the plane, shape (n,)."""
        found: RowPlaces = self.firsts[rows >> SHIFT] + (rows & (PAGE_ROWS - 1))
        return found

    def runs(self, count: int) -> list[slice]:
        """Where the first `count` rows lie in the plane, page by page."""
        runs = [slice(first, first + PAGE_ROWS) for first in self._pages[: -(-count // PAGE_ROWS)]]
        if count % PAGE_ROWS:
            first = runs[-1].start
            runs[-1] = slice(first, first + count % PAGE_ROWS)
        return runs

    def __del__(self, over: Callable[[], bool] = sys.is_finalizing) -> None:
        if over():
            return
        for page, first in enumerate(self._pages):
            self.plane.free(first, min(PAGE_ROWS, self.size - PAGE_ROWS * page))


class OwnPool:
    """A plane in arrays of its own, for one lease; for a session by itself."""

    def __init__(self, width: int) -> None:
        self.width = width
        self.codes: Codes = np.zeros((0, width), np.int8)
        self.scales: Scales = np.zeros(0, np.float32)

    def allocate(self) -> int:
        first = len(self.codes)
        self._resize(first + PART_ROWS)
        return first

    def widen(self, first: int, rows: int) -> int:
        self._resize(first + 2 * rows)
        return first

    def free(self, first: int, rows: int) -> None:
        """They go with the arrays."""

    def mark_dirty(self, first: int, rows: int) -> None:
        """Nobody has another copy."""

    def _resize(self, rows: int) -> None:
        codes, scales = np.zeros((rows, self.width), np.int8), np.zeros(rows, np.float32)
        codes[: len(self.codes)], scales[: len(self.scales)] = self.codes, self.scales
        self.codes, self.scales = codes, scales


class OwnPools:
    """`Planes` where each has its own arrays."""

    def plane(self, width: int) -> OwnPool:
        return OwnPool(width)
