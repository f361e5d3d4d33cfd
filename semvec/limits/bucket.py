"""Token buckets in whole microseconds, so that counting is exact.

A bucket is stored as one number: the time it owes, that is, until it is full again. A request adds
the time in which one token is refilled, and is refused if the bucket would owe more than its depth.
(This is the generic cell rate algorithm of ITU-T I.371, a token bucket without a token count.)
"""

from dataclasses import dataclass

from msgspec import Struct

from semvec.rate import Rate

SECOND = 1_000_000


@dataclass(frozen=True, slots=True, eq=False)
class RateLimit:
    """A rate limit.

    `interval` is the time that one token owes and `depth` the most that a bucket may owe, in
    microseconds; `window_s` is the seconds in which an empty bucket fills; `of` describes what is
    counted; `policy` and `burst` are header values.
    """

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
"""One token of a limit's bucket for a key."""


class LimitDecision(Struct, frozen=True, gc=False):
    """A bucket after a charge, which was taken if `allowed`.

    `remaining` is the number of tokens left; `wait_s` the seconds, rounded up, until there is one
    more; `reset_s` those until the bucket is full.
    """

    limit: RateLimit
    owed: int
    allowed: bool
    remaining: int
    wait_s: int
    reset_s: int

    @classmethod
    def make(cls, limit: RateLimit, owed: int, allowed: bool) -> "LimitDecision":
        """Create a decision from what the bucket owes, in microseconds."""
        remaining = (limit.depth - owed) // limit.interval
        wait = owed + (remaining + 1) * limit.interval - limit.depth
        return cls(limit, owed, allowed, remaining, -(-wait // SECOND), -(-owed // SECOND))
