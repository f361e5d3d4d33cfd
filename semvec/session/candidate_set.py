"""The memories that a query may find, cached and archived, as one sequence in order of learning."""

from collections.abc import Sequence
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from semvec.session.archived import Archived, Candidates
from semvec.session.events import MemoryRecord
from semvec.session.memory import Content, Memories
from semvec.session.scoring import MemoryIds, Slots

Scalar = TypeVar("Scalar", bound=np.generic)


class CandidateSet:
    """n memories; `ids`, shape (n,), ascend. `archived` are those that are in no row.

    Often nothing is archived and the rows are in order; then the rows are used as they are.

    Valid until the session changes.
    """

    def __init__(self, memories: Memories, candidates: Sequence[MemoryRecord]) -> None:
        self._memories = memories
        if not isinstance(candidates, Candidates):
            candidates = Candidates(candidates)
        self.archived = Archived(
            candidates, [each for each in candidates if each.id not in memories]
        )
        held = memories.ids[: memories.count]
        self._rows = np.flatnonzero(held >= 0)
        ids = np.append(held[self._rows], self.archived.ids)
        self._slots = np.argsort(ids, kind="stable")
        self.ids: MemoryIds = ids[self._slots]
        self._in_order = len(ids) == len(held) and np.array_equal(self.ids, held)

    def __len__(self) -> int:
        return len(self.ids)

    def merged(
        self, hot: npt.NDArray[Scalar], archived: npt.NDArray[Scalar]
    ) -> npt.NDArray[Scalar]:
        """Merge values of rows, (..., count or more), and of archived memories, into shape (...,
        n)."""
        if self._in_order:
            return hot[..., : len(self)]
        return np.append(hot[..., self._rows], archived, axis=-1)[..., self._slots]

    def memory(self, place: int) -> Content | MemoryRecord:
        slot = int(self._slots[place])
        if slot < len(self._rows):
            return self._memories.content(int(self._rows[slot]))
        return self.archived.records[slot - len(self._rows)]

    def hot_among(self, places: Slots) -> tuple[Slots, Slots]:
        """Return those of `places` that are in rows, and the rows."""
        slots = self._slots[places]
        hot = slots < len(self._rows)
        return places[hot], self._rows[slots[hot]]

    @property
    def archived_places(self) -> Slots:
        """The places of the archived memories, in their own order."""
        found = np.empty(len(self), np.intp)
        found[self._slots] = np.arange(len(self))
        return found[len(self._rows) :]
