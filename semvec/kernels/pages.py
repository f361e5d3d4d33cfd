"""Rows of vectors in pages: what a session has of a plane, which may be everybody's or its own."""

import sys
from collections.abc import Callable
from typing import Protocol

import numpy as np
import numpy.typing as npt

from semvec.kernels.rows import BLOCK, Codes, Places, Scales

PAGE = BLOCK
"""Rows of a page; what is scanned at once, so that pages cost a scan nothing."""
PART = 32
"""Rows of the smallest part of a page: an eighth."""
SHIFT = PAGE.bit_length() - 1


class Plane(Protocol):
    """Rows of `width` int8 codes with a scale each, in pages and parts of pages.

    `codes` have shape (t, width), `scales` (t,). Rows that nobody has been given hold anything.
    """

    width: int

    @property
    def codes(self) -> Codes: ...

    @property
    def scales(self) -> Scales: ...

    def take(self) -> int:
        """The first of PART rows. Raises Unavailable where there are none."""

    def widen(self, first: int, rows: int) -> int:
        """Twice as many rows for those from `first` and what is in them: their first."""

    def give(self, first: int, rows: int) -> None:
        """Take back a page, or a part of one."""

    def wrote(self, first: int, rows: int) -> None:
        """Note that these have changed."""


class Planes(Protocol):
    def plane(self, width: int) -> Plane: ...


class Lease:
    """Rows of one owner, counted from 0: pages, of which the last may be a part.

    They go back when nobody refers to the lease any more, so that nobody reads what was another's.
    """

    __slots__ = ("_pages", "firsts", "plane", "size")

    def __init__(self, plane: Plane) -> None:
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
            part = self.size % PAGE
            if part:
                self._pages[-1] = self.plane.widen(self._pages[-1], part)
                self.size += part
            else:
                self._pages.append(self.plane.take())
                self.size += PART
            self.firsts = np.array(self._pages, np.intp)

    def place(self, row: int) -> int:
        """Where a row lies in the plane."""
        return self._pages[row >> SHIFT] + row % PAGE

    def places(self, rows: Places) -> Places:
        """Where rows lie in the plane, shape (n,)."""
        found: Places = self.firsts[rows >> SHIFT] + (rows & (PAGE - 1))
        return found

    def runs(self, count: int) -> list[slice]:
        """Where the first `count` rows lie in the plane, page by page."""
        runs = [slice(first, first + PAGE) for first in self._pages[: -(-count // PAGE)]]
        if count % PAGE:
            first = runs[-1].start
            runs[-1] = slice(first, first + count % PAGE)
        return runs

    def __del__(self, over: Callable[[], bool] = sys.is_finalizing) -> None:
        if over():
            return
        for page, first in enumerate(self._pages):
            self.plane.give(first, min(PAGE, self.size - PAGE * page))


class OwnPlane:
    """A plane in arrays of its own, for one lease; for a session by itself."""

    def __init__(self, width: int) -> None:
        self.width = width
        self.codes: Codes = np.zeros((0, width), np.int8)
        self.scales: Scales = np.zeros(0, np.float32)

    def take(self) -> int:
        first = len(self.codes)
        self._resize(first + PART)
        return first

    def widen(self, first: int, rows: int) -> int:
        self._resize(first + 2 * rows)
        return first

    def give(self, first: int, rows: int) -> None:
        """They go with the arrays."""

    def wrote(self, first: int, rows: int) -> None:
        """Nobody has another copy."""

    def _resize(self, rows: int) -> None:
        codes, scales = np.zeros((rows, self.width), np.int8), np.zeros(rows, np.float32)
        codes[: len(self.codes)], scales[: len(self.scales)] = self.codes, self.scales
        self.codes, self.scales = codes, scales


class OwnPlanes:
    """`Planes` where each has its own arrays."""

    def plane(self, width: int) -> OwnPlane:
        return OwnPlane(width)
