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
        for charge in charges:
            limit = charge.limit
            owed = self._owed(charge, now)
            allowed = owed + limit.interval <= limit.depth
            if allowed:
                owed += limit.interval
            self._put(charge, now + owed)
            standings.append(Standing(limit, owed, allowed))
            if not allowed:
                break
        return standings

    def has_room(self, charge: Charge) -> bool:
        return self._owed(charge, self._now()) + charge.limit.interval <= charge.limit.depth

    def copy(self, charges: Iterable[Charge], standings: Iterable[Standing]) -> None:
        """Takes over how buckets stand elsewhere."""
        now = self._now()
        for charge, standing in zip(charges, standings, strict=False):
            self._put(charge, now + standing.owed)

    def _now(self) -> int:
        return int(self._clock() * SECOND)

    def _owed(self, charge: Charge, now: int) -> int:
        full_at = self._full_at[charge.limit.name].get(charge.key, 0)
        return min(max(0, full_at - now), charge.limit.depth)

    def _put(self, charge: Charge, full_at: int) -> None:
        table = self._full_at[charge.limit.name]
        table[charge.key] = full_at
        table.move_to_end(charge.key)
        if len(table) > self._capacity:
            table.popitem(last=False)
