"""Triggers: keywords and vectors; a query that matches one boosts the memories that match it
too."""

from collections.abc import Iterable, Iterator, Set
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from semvec.session.events import Trigger
from semvec.vectors import UNIT_ROUNDING, Vector, unpacked
from semvec.words import READ, words

MEMORY_ROUNDING = 1e-4
"""Tolerance of cosines to memories at a threshold, as their vectors are stored as int8."""
TRIGGER_BYTES = 600
"""Approximate bytes of a trigger without its vector."""

Words = tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Fired:
    """What memories are tested for: the words of each keyword, and vectors, shape (n, d), with
    their least cosines, shape (n,)."""

    keywords: tuple[Words, ...]
    vectors: Vector
    thresholds: Vector

    def __bool__(self) -> bool:
        return bool(self.keywords) or len(self.vectors) > 0

    def near(self, cosines: Vector) -> npt.NDArray[np.bool_]:
        """Return which memories match any vector, shape (m,), from their cosines to each, shape (n,
        m)."""
        reached = cosines >= self.thresholds[:, None] - MEMORY_ROUNDING
        near: npt.NDArray[np.bool_] = np.logical_or.reduce(reached, axis=0)
        return near


class TriggerSet:
    """Triggers by their ids, in the order in which they were set."""

    def __init__(self, dimension: int) -> None:
        self._dimension = dimension
        self._triggers: dict[int, Trigger] = {}
        self._keywords: dict[int, Words] = {}
        self._vectors: dict[int, Vector] = {}

    def __len__(self) -> int:
        return len(self._triggers)

    def __iter__(self) -> Iterator[Trigger]:
        return iter(self._triggers.values())

    def __reversed__(self) -> Iterator[Trigger]:
        return reversed(self._triggers.values())

    def __contains__(self, trigger_id: int) -> bool:
        return trigger_id in self._triggers

    @property
    def nbytes(self) -> int:
        vectors = 4 * self._dimension * len(self._vectors)
        return TRIGGER_BYTES * len(self) + vectors

    def add(self, trigger: Trigger) -> None:
        self._triggers[trigger.id] = trigger
        if trigger.keyword is not None:
            self._keywords[trigger.id] = tuple(words(trigger.keyword))
        if trigger.vector is not None:
            self._vectors[trigger.id] = unpacked(trigger.vector)

    def discard(self, trigger_id: int) -> None:
        for held in (self._triggers, self._keywords, self._vectors):
            held.pop(trigger_id, None)

    def fired(self, text: str | None, x: Vector, spoken: "Spoken | None" = None) -> Fired:
        """Return the triggers that a query fires by its text, if it has one, and its unit vector
        `x`, shape (d,); `spoken` are its words if they are known."""
        said = spoken or Spoken(text if text and self._keywords else "")
        fired = {key for key, keyword in self._keywords.items() if said.holds(keyword)}
        thresholds = np.array([self._triggers[key].threshold for key in self._vectors], np.float32)
        near = self._rows(self._vectors) @ x >= thresholds - UNIT_ROUNDING
        fired.update(key for key, reached in zip(self._vectors, near, strict=True) if reached)
        vectors = [key for key in self._vectors if key in fired]
        return Fired(
            keywords=tuple(words for key, words in self._keywords.items() if key in fired),
            vectors=self._rows(vectors),
            thresholds=np.array([self._triggers[key].threshold for key in vectors], np.float32),
        )

    def _rows(self, keys: Iterable[int]) -> Vector:
        rows = [self._vectors[key] for key in keys]
        return np.array(rows, np.float32).reshape(-1, self._dimension)


class Spoken:
    """The words of a text, case-folded, for the search of keywords."""

    __slots__ = ("_distinct", "_line")

    def __init__(self, text: str, limit: int = READ) -> None:
        said = words(text, limit)
        self._distinct = frozenset(said)
        self._line = f" {' '.join(said)} "

    def holds_any(self, single: Set[str]) -> bool:
        """Whether the text has any of these words."""
        return not self._distinct.isdisjoint(single)

    def holds(self, keyword: Words) -> bool:
        """Whether the text has these words in this order, next to each other."""
        if len(keyword) == 1:
            return keyword[0] in self._distinct
        return f" {' '.join(keyword)} " in self._line
