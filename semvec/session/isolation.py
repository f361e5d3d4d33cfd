"""Isolation: the check of inputs, and the quarantine."""

from semvec.session.events import Isolation, IsolationLevel, QuarantinedItem
from semvec.session.memory_accounting import text_bytes
from semvec.vectors import UNIT_ROUNDING, Vector, unpacked

HELD_BYTES = 250
"""Approximate bytes of a held item without its texts and vectors."""


class IsolationPolicy:
    """Checks inputs one by one against the level and the lists."""

    def __init__(self, dimension: int, setting: Isolation | None = None) -> None:
        self.setting = setting or Isolation(0, IsolationLevel.OPEN, b"", b"", 1.0)
        self.level = self.setting.level
        self._exclusions = unpacked(self.setting.exclusions).reshape(-1, dimension)
        self._allowed = unpacked(self.setting.allowed).reshape(-1, dimension)

    @property
    def nbytes(self) -> int:
        return self._exclusions.nbytes + self._allowed.nbytes

    def withholds(self, x: Vector) -> bool:
        """Whether an input with the unit vector `x`, shape (d,), must not be learnt."""
        if self.level is IsolationLevel.OPEN:
            return False
        excluded, allowed = highest(self._exclusions, x), highest(self._allowed, x)
        least = self.setting.threshold - UNIT_ROUNDING
        suspect = excluded >= least and allowed < excluded - UNIT_ROUNDING
        return suspect or (self.level is IsolationLevel.LOCKDOWN and allowed < least)


class Quarantine:
    """Held items by their ids, in order."""

    def __init__(self) -> None:
        self.items: dict[int, QuarantinedItem] = {}
        self.text_bytes = 0
        self.nbytes = 0

    def __len__(self) -> int:
        return len(self.items)

    def any_until(self, item_id: int) -> bool:
        """Whether any held item has an id up to this one; items are in order of their ids."""
        return next(iter(self.items), item_id + 1) <= item_id

    def add(self, item: QuarantinedItem) -> None:
        self.items[item.id] = item
        self._count(item, 1)

    def pop(self, item_id: int) -> QuarantinedItem:
        """Remove and return an item. Raises KeyError."""
        item = self.items.pop(item_id)
        self._count(item, -1)
        return item

    def _count(self, item: QuarantinedItem, sign: int) -> None:
        self.text_bytes += sign * len(item.text.encode())
        texts = text_bytes(item.question) + text_bytes(item.response)
        vectors = len(item.vector) + len(item.question_vector or b"") + len(item.tokens or b"")
        self.nbytes += sign * (HELD_BYTES + texts + vectors)


def highest(rows: Vector, x: Vector) -> float:
    """Return the highest cosine of `x`, shape (d,), to any row, shape (n, d); -2 without rows."""
    return float((rows @ x).max()) if len(rows) else -2.0
