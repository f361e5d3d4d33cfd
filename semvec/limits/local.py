"""Buckets in the memory of this process."""

from collections import OrderedDict, defaultdict
from collections.abc import Iterable

from semvec.clock import Clock
from semvec.limits.bucket import SECOND, Charge, Standing

CAPACITY = 65_536
"""Buckets of one limit; past it the longest unused one is dropped, which fills it."""


class LocalBuckets:
    """Keeps for each bucket when it will be full; one that is missing is full."""

    def __init__(self, clock: Clock, capacity: int = CAPACITY) -> None:
        self._clock = clock
        self._capacity = capacity
        self._full_at: defaultdict[str, OrderedDict[str, int]] = defaultdict(OrderedDict)

    def take(self, charges: Iterable[Charge]) -> list[Standing]:
        """Charges one after the other, up to the first that is refused."""
        now = self._now()
        standings = []
        for limit, key in charges:
            table, depth = self._full_at[limit.name], limit.depth
            owed = _owed(table.get(key, now), now, depth)
            allowed = (more := owed + limit.interval) <= depth
            if allowed:
                owed = more
            self._put(table, key, now + owed)
            standings.append(Standing(limit, owed, allowed))
            if not allowed:
                break
        return standings

    def has_room(self, charge: Charge) -> bool:
        limit, key = charge
        full_at = self._full_at[limit.name].get(key)
        if full_at is None:
            return True
        return _owed(full_at, self._now(), limit.depth) + limit.interval <= limit.depth

    def copy(self, charges: Iterable[Charge], standings: Iterable[Standing]) -> None:
        """Takes over how buckets stand elsewhere."""
        now = self._now()
        for charge, standing in zip(charges, standings, strict=False):
            self._put(self._full_at[charge.limit.name], charge.key, now + standing.owed)

    def _now(self) -> int:
        return int(self._clock() * SECOND)

    def _put(self, table: OrderedDict[str, int], key: str, full_at: int) -> None:
        table[key] = full_at
        table.move_to_end(key)
        if len(table) > self._capacity:
            table.popitem(last=False)


def _owed(full_at: int, now: int, depth: int) -> int:
    owed = full_at - now
    if owed <= 0:
        return 0
    return owed if owed < depth else depth
