"""The planes of an arena once more where a device reads them, row for row."""

from weakref import WeakKeyDictionary

import numpy as np

from semvec.kernels.arena import Change, SharedPlane
from semvec.kernels.pages import PAGE
from semvec.kernels.protocol import Counts, Kernels, Rows
from semvec.kernels.rows import ragged_rows

FIRST_ROWS = 64 * PAGE
"""Rows of a copy at first; it doubles, so that no row is moved more than twice on average."""
AT_ONCE = 1 << 16
"""Rows of one transfer."""


class Mirror:
    """Used by the thread of the kernels alone."""

    def __init__(self, kernels: Kernels) -> None:
        self._kernels = kernels
        self._copies = WeakKeyDictionary[SharedPlane, Rows]()

    def rows(self, plane: SharedPlane) -> Rows:
        """The plane as it is by now: what was written before this call is there."""
        copy = self._room(plane)
        changed = plane.unseen()
        try:
            at = _distinct(changed)
            for begin in range(0, len(at), AT_ONCE):
                part = at[begin : begin + AT_ONCE]
                fresh = Rows(plane.codes[part], plane.scales[part])
                self._kernels.write_rows(copy, part, fresh)
        except BaseException:
            plane.missed(changed)
            raise
        return copy

    def _room(self, plane: SharedPlane) -> Rows:
        copy = self._copies.get(plane)
        if copy is None:
            plane.watch()
        held = 0 if copy is None else len(copy.values)
        if copy is None or held < plane.end:
            larger = self._kernels.empty_rows(max(FIRST_ROWS, 2 * held, plane.end), plane.width)
            if copy is not None:
                self._kernels.write_rows(larger, np.arange(held), copy)
            self._copies[plane] = copy = larger
        return copy


def _distinct(changed: list[Change]) -> Counts:
    """The rows that have changed, each once."""
    if not changed:
        return np.zeros(0, np.int64)
    starts, lengths = np.array(changed, np.int64).T
    return np.unique(ragged_rows(starts, lengths)[0])
