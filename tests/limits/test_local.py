from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from semvec.limits.bucket import Charge, LimitDecision, RateLimit
from semvec.limits.local import LocalBuckets
from semvec.rate import Rate
from tests.services import HeldClock

RATES = st.builds(
    Rate, st.one_of(st.integers(1, 100_000), st.floats(0.01, 50)), st.integers(1, 200)
)
SECONDS = st.one_of(st.just(0.0), st.floats(0, 10), st.integers(0, 100))


def limit(rate: Rate, name: str = "address") -> RateLimit:
    return RateLimit.make(name, "requests", rate)


def allows(buckets: LocalBuckets, charge: Charge) -> bool:
    standing = buckets.take([charge])
    return standing is not None and standing.allowed


class Bucket:
    """One key of local buckets, under a clock that stands still."""

    def __init__(self, rate: Rate) -> None:
        self.clock = HeldClock()
        self.limit = limit(rate)
        self.charge = self.limit, "key"
        self.buckets = LocalBuckets(self.clock)

    def take(self) -> LimitDecision:
        standing = self.buckets.take([self.charge])
        assert standing is not None
        return standing

    def empty(self) -> LimitDecision:
        """Takes until it is refused."""
        while (standing := self.take()).allowed:
            pass
        return standing


@given(RATES)
def test_the_burst_is_allowed_at_once_and_not_one_more(rate: Rate) -> None:
    bucket = Bucket(rate)
    taken = [bucket.take() for _ in range(rate.burst + 3)]
    assert [one.allowed for one in taken] == [True] * rate.burst + [False] * 3
    assert [one.remaining for one in taken] == [*range(rate.burst - 1, -1, -1), 0, 0, 0]


@given(RATES, st.lists(SECONDS, max_size=60))
def test_it_is_a_token_bucket(rate: Rate, pauses: list[float]) -> None:
    """Against the textbook's, which counts tokens, in exact fractions."""
    bucket = Bucket(rate)
    interval = bucket.limit.interval
    tokens, last = Fraction(rate.burst), int(bucket.clock.now * 1e6)
    for pause in pauses:
        bucket.clock.now += pause
        now = int(bucket.clock.now * 1e6)
        tokens = min(Fraction(rate.burst), tokens + Fraction(now - last, interval))
        last = now
        assert bucket.buckets.has_room(*bucket.charge) == (tokens >= 1)
        standing = bucket.take()
        assert standing.allowed == (tokens >= 1)
        tokens -= standing.allowed
        assert standing.remaining == int(tokens)
        assert standing.owed == (rate.burst - tokens) * interval


@given(RATES, st.floats(0, 100))
def test_the_wait_is_the_least_number_of_seconds_that_is_enough(rate: Rate, pause: float) -> None:
    bucket = Bucket(rate)
    bucket.empty()
    bucket.clock.now += pause
    standing = bucket.empty()
    now = bucket.clock.now
    assert standing.wait_s >= 1
    bucket.clock.now = now + standing.wait_s - 1
    assert not bucket.take().allowed
    bucket.clock.now = now + standing.wait_s
    assert bucket.take().allowed


@given(RATES)
def test_what_is_left_and_the_time_to_a_full_bucket_are_true(rate: Rate) -> None:
    bucket = Bucket(rate)
    standing = bucket.take()
    assert sum(bucket.take().allowed for _ in range(rate.burst)) == standing.remaining
    bucket.clock.now += bucket.take().reset_s
    assert bucket.take().remaining == rate.burst - 1
    assert bucket.limit.window_s == -(-rate.burst * bucket.limit.interval // 10**6)


def test_keys_and_limits_have_buckets_of_their_own() -> None:
    buckets = LocalBuckets(HeldClock())
    one, other = limit(Rate(1, 1)), limit(Rate(1, 1), "logins")
    for charge in ((one, "a"), (one, "b"), (other, "a")):
        assert allows(buckets, charge)
        assert not allows(buckets, charge)


def test_charges_are_taken_up_to_the_first_that_is_refused() -> None:
    buckets = LocalBuckets(HeldClock())
    wide, narrow = (limit(Rate(1, 9)), "a"), (limit(Rate(1, 1), "logins"), "a")
    for allowed in (True, False):
        standing = buckets.take([wide, narrow, wide])
        assert standing is not None
        assert (standing.allowed, standing.limit, standing.remaining) == (allowed, narrow[0], 0)
    standing = buckets.take([wide])
    assert standing is not None
    assert standing.remaining == 9 - 4


def test_what_was_not_used_for_longest_is_dropped_first() -> None:
    buckets = LocalBuckets(HeldClock(), capacity=2)
    a, b, c = ((limit(Rate(1, 1)), key) for key in "abc")
    buckets.take([a, b])
    assert not allows(buckets, a)
    buckets.take([c])
    assert not buckets.has_room(*a)
    assert buckets.has_room(*b)


def test_a_copy_stands_as_the_original() -> None:
    here, there = LocalBuckets(HeldClock()), LocalBuckets(HeldClock())
    charge = limit(Rate(1, 2)), "a"
    there.take([charge])
    standing = there.take([charge])
    assert standing is not None
    here.copy([charge], [standing.owed])
    assert not here.has_room(*charge)
    assert here.take([charge]) == there.take([charge])


@pytest.mark.parametrize("burst", [1, 50, 1_000_000])
def test_a_clock_that_goes_back_makes_nobody_wait_for_longer_than_a_full_bucket(burst: int) -> None:
    bucket = Bucket(Rate(10, burst))
    bucket.take()
    bucket.clock.now -= 1_000_000
    standing = bucket.take()
    assert (standing.remaining, standing.wait_s) == (0, 1)
    assert standing.reset_s <= bucket.limit.window_s
