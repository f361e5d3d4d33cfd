"""Token buckets in whole microseconds, so that what is counted is exact.

A bucket is one number: what it owes, the time until it is full again. A request adds the time that
one token takes to come back, and is refused where the bucket would owe more than its depth. (This
is the generic cell rate algorithm of ITU-T I.371, which is a token bucket without a token count.)
"""

from dataclasses import dataclass

from msgspec import Struct

from semvec.rate import Rate

SECOND = 1_000_000


@dataclass(frozen=True, slots=True, eq=False)
class RateLimit:
    """`interval` is what one token owes, `depth` what a bucket may owe, `window_s` the seconds in
    which an empty bucket fills; `of` is what it counts. `policy` and `burst` are for headers."""

    name: str
    of: str
    rate: Rate
    interval: int
    depth: int
    window_s: int
    policy: str
    burst: str

    @classmethod
    def make(cls, name: str, of: str, rate: Rate) -> "RateLimit":
        interval = round(SECOND / rate.per_second)
        depth = interval * rate.burst
        window_s = -(-depth // SECOND)
        policy = f'"{name}";q={rate.burst};w={window_s}'
        return cls(name, of, rate, interval, depth, window_s, policy, str(rate.burst))


Charge = tuple[RateLimit, str]
"""One token of the bucket that a limit holds for a key."""


class LimitDecision(Struct, frozen=True, gc=False):
    """A bucket after a charge, which was taken if `allowed`: `remaining` tokens are there; `wait_s`
    seconds, rounded up, until there is one more than now, `reset_s` until it is full."""

    limit: RateLimit
    owed: int
    allowed: bool
    remaining: int
    wait_s: int
    reset_s: int

    @classmethod
    def make(cls, limit: RateLimit, owed: int, allowed: bool) -> "LimitDecision":
        """Where the bucket owes so many microseconds."""
        remaining = (limit.depth - owed) // limit.interval
        wait = owed + (remaining + 1) * limit.interval - limit.depth
        return cls(limit, owed, allowed, remaining, -(-wait // SECOND), -(-owed // SECOND))
