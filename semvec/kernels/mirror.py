"""The planes of an arena once more where a device reads them, row for row."""

from weakref import WeakKeyDictionary

import numpy as np

from semvec.kernels.arena import PlaneChange, SharedPool
from semvec.kernels.pages import PAGE_ROWS
from semvec.kernels.protocol import Counts, Kernels, QuantisedRows
from semvec.kernels.rows import ragged_rows

MIN_MIRROR_ROWS = 64 * PAGE_ROWS
"""Rows of a copy at first; it doubles, so that no row is moved more than twice on average."""
UPLOAD_ROWS = 1 << 16
"""Rows of one transfer."""


class Mirror:
    """Used by the thread of the kernels alone."""

    def __init__(self, kernels: Kernels) -> None:
        self._kernels = kernels
        self._copies = WeakKeyDictionary[SharedPool, QuantisedRows]()

    def rows(self, plane: SharedPool) -> QuantisedRows:
        """The plane as it is by now: what was written before this call is there."""
        copy = self._room(plane)
        changed = plane.unseen()
        try:
            at = _distinct(changed)
            for begin in range(0, len(at), UPLOAD_ROWS):
                part = at[begin : begin + UPLOAD_ROWS]
                fresh = QuantisedRows(plane.codes[part], plane.scales[part])
                self._kernels.write_rows(copy, part, fresh)
        except BaseException:
            plane.requeue(changed)
            raise
        return copy

    def _room(self, plane: SharedPool) -> QuantisedRows:
        copy = self._copies.get(plane)
        if copy is None:
            plane.watch()
        held = 0 if copy is None else len(copy.values)
        if copy is None or held < plane.end:
            larger = self._kernels.empty_rows(
                max(MIN_MIRROR_ROWS, 2 * held, plane.end), plane.width
            )
            if copy is not None:
                self._kernels.write_rows(larger, np.arange(held), copy)
            self._copies[plane] = copy = larger
        return copy


def _distinct(changed: list[PlaneChange]) -> Counts:
    """The rows that have changed, each once."""
    if not changed:
        return np.zeros(0, np.int64)
    starts, lengths = np.array(changed, np.int64).T
    return np.unique(ragged_rows(starts, lengths)[0])
