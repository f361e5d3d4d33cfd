"""Buckets in the memory of this process."""

from collections import OrderedDict, defaultdict
from collections.abc import Iterable

from semvec.clock import Clock
from semvec.limits.bucket import SECOND, Charge, LimitDecision, RateLimit

CAPACITY = 65_536
"""Buckets kept per limit. The least recently used one is dropped, which refills it."""


class LocalBuckets:
    """Buckets stored as the time at which each is full; a missing bucket is full."""

    def __init__(self, clock: Clock, capacity: int = CAPACITY) -> None:
        self._clock = clock
        self._capacity = capacity
        self._full_at: defaultdict[str, OrderedDict[str, int]] = defaultdict(OrderedDict)

    def take(self, charges: Iterable[Charge]) -> LimitDecision | None:
        """Charge the buckets in order, up to the first that refuses. Return that one, else the one
        with the least left; None without charges."""
        now = self._now()
        nearest, least, debt = None, 0, 0
        for limit, key in charges:
            table = self._full_at[limit.name]
            owed = max(0, table.get(key, now) - now) + limit.interval
            if owed > limit.depth:
                owed = min(owed - limit.interval, limit.depth)
                self._put(table, key, now + owed)
                return LimitDecision.make(limit, owed, False)
            self._put(table, key, now + owed)
            left = (limit.depth - owed) // limit.interval
            if nearest is None or left < least:
                nearest, least, debt = limit, left, owed
        return None if nearest is None else LimitDecision.make(nearest, debt, True)

    def has_room(self, limit: RateLimit, key: str) -> bool:
        full_at = self._full_at[limit.name].get(key)
        return full_at is None or full_at - self._now() <= limit.depth - limit.interval

    def copy(self, charges: Iterable[Charge], owed: Iterable[int]) -> None:
        """Copy the state of shared buckets, as returned by `SharedBuckets.take`."""
        now = self._now()
        for (limit, key), debt in zip(charges, owed, strict=False):
            self._put(self._full_at[limit.name], key, now + (debt if debt >= 0 else ~debt))

    def _now(self) -> int:
        return int(self._clock() * SECOND)

    def _put(self, table: OrderedDict[str, int], key: str, full_at: int) -> None:
        table[key] = full_at
        table.move_to_end(key)
        if len(table) > self._capacity:
            table.popitem(last=False)
