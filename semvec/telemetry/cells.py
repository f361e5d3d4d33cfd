"""The numbers behind the metrics, in memory that the workers of one server share.

Every worker lays out the same cells in the same order and writes a row of its own, without a lock:
each cell has one writer. Any worker reads all rows, so one scrape tells of all of them. A worker
that takes the place of one that died goes on with its row, so that no total ever falls.
"""

import mmap
from typing import NamedTuple

import numpy as np

CELLS = 1 << 17
"""Cells of a row. Only those that are written take memory."""

CELL_BYTES = 8


class Cells:
    """`row` is this worker's, float64 by place. Make it before the workers are forked, and have
    each `join`."""

    def __init__(self, workers: int = 1) -> None:
        self._memory = mmap.mmap(-1, workers * CELLS * CELL_BYTES)
        self._rows = np.frombuffer(self._memory, np.float64).reshape(workers, CELLS)
        self._taken = 0
        self.join(0)

    @property
    def workers(self) -> int:
        return len(self._rows)

    def join(self, worker: int) -> None:
        """Write as this worker from now on; before anything is taken."""
        if self._taken:
            raise RuntimeError("cells are taken already")
        row = CELLS * CELL_BYTES
        self.row = memoryview(self._memory)[worker * row : (worker + 1) * row].cast("d")

    def take(self, count: int) -> int:
        """The place of the first of so many new cells."""
        first = self._taken
        self._taken += count
        if self._taken > CELLS:
            raise RuntimeError(f"more than {CELLS} cells")
        return first

    def totals(self) -> "Totals":
        """What all workers have written together."""
        taken = self._rows[:, : self._taken]
        return Totals(taken.sum(0).tolist(), taken.max(0).tolist())


class Totals(NamedTuple):
    """By place: the sum over all workers, and the largest of theirs."""

    sums: list[float]
    largest: list[float]
