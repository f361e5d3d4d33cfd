"""Metric values in memory that the workers of one server share.

Every worker allocates the same cells in the same order and writes only its own row, without a lock:
each cell has one writer. Any worker reads all rows, so one scrape covers all of them. A worker that
replaces a dead one continues its row, so that no total decreases.
"""

import mmap
from typing import NamedTuple

import numpy as np

CELLS = 1 << 17
"""Cells of a row. Only written ones use memory."""

CELL_BYTES = 8


class Cells:
    """`row` holds this worker's values, float64 by cell index. Create it before forking the
    workers; each calls `join`."""

    def __init__(self, workers: int = 1) -> None:
        self._memory = mmap.mmap(-1, workers * CELLS * CELL_BYTES)
        self._rows = np.frombuffer(self._memory, np.float64).reshape(workers, CELLS)
        self._taken = 0
        self.join(0)

    @property
    def workers(self) -> int:
        return len(self._rows)

    def join(self, worker: int) -> None:
        """Use the row of this worker; call before `take`."""
        if self._taken:
            raise RuntimeError("cells are taken already")
        row = CELLS * CELL_BYTES
        self.row = memoryview(self._memory)[worker * row : (worker + 1) * row].cast("d")

    def take(self, count: int) -> int:
        """Allocate cells; return the index of the first."""
        first = self._taken
        self._taken += count
        if self._taken > CELLS:
            raise RuntimeError(f"more than {CELLS} cells")
        return first

    def totals(self) -> "Totals":
        """Return the values merged over all workers."""
        taken = self._rows[:, : self._taken]
        return Totals(taken.sum(0).tolist(), taken.max(0).tolist())


class Totals(NamedTuple):
    """By cell index: the sum and the maximum over all workers."""

    sums: list[float]
    largest: list[float]
