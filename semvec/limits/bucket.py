"""Token buckets in whole microseconds, so that what is counted is exact.

A bucket is one number: what it owes, the time until it is full again. A request adds the time that
one token takes to come back, and is refused where the bucket would owe more than its depth. (This
is the generic cell rate algorithm of ITU-T I.371, which is a token bucket without a token count.)
"""

from dataclasses import dataclass
from typing import NamedTuple

from semvec.rate import Rate

SECOND = 1_000_000


@dataclass(frozen=True, slots=True, eq=False)
class Limit:
    """`interval` is what one token owes, `depth` what a bucket may owe, `window_s` the seconds in
    which an empty bucket fills; `of` is what it counts."""

    name: str
    of: str
    rate: Rate
    interval: int
    depth: int
    window_s: int

    @classmethod
    def make(cls, name: str, of: str, rate: Rate) -> "Limit":
        interval = round(SECOND / rate.per_second)
        depth = interval * rate.burst
        return cls(name, of, rate, interval, depth, _seconds(depth))


class Charge(NamedTuple):
    """One token of the bucket that `limit` holds for `key`."""

    limit: Limit
    key: str


class Standing(NamedTuple):
    """A bucket after a charge, which was taken if `allowed`."""

    limit: Limit
    owed: int
    allowed: bool

    @property
    def remaining(self) -> int:
        """Tokens that are there."""
        return (self.limit.depth - self.owed) // self.limit.interval

    @property
    def wait_s(self) -> int:
        """Seconds, rounded up, until there is one more token than now."""
        wait = self.owed + (self.remaining + 1) * self.limit.interval - self.limit.depth
        return _seconds(wait)

    @property
    def reset_s(self) -> int:
        """Seconds, rounded up, until the bucket is full."""
        return _seconds(self.owed)


def _seconds(microseconds: int) -> int:
    return -(-microseconds // SECOND)
