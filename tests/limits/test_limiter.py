from typing import Any

import pytest

from semvec.licensing.token import Caller, LicenseTier
from semvec.limits.bucket import LimitDecision
from semvec.limits.limiter import Limiter, open_limiter
from semvec.limits.shared import REDIS_PROBE_S
from semvec.rate import Rate
from semvec.settings import Settings
from tests.redis_process import RedisProcess
from tests.services import HeldClock

ACME = Caller("acme", "community")


def limiter(clock: HeldClock | None = None, **settings: Any) -> Limiter:
    opened = open_limiter(Settings(memory_bytes=1, **settings), clock or HeldClock())
    assert opened is not None
    return opened


async def request(
    limiter: Limiter, client: str = "a", caller: Caller | None = ACME
) -> LimitDecision:
    standing = await limiter.count_request(client, caller)
    assert standing is not None
    return standing


def test_off_is_no_limiter() -> None:
    assert open_limiter(Settings(rate_limit=False)) is None


@pytest.mark.parametrize(
    ("tier", "name", "burst"), [("community", "community", 50), ("pro", "address", 1000)]
)
async def test_the_bucket_with_the_least_left_is_told(
    tier: LicenseTier, name: str, burst: int
) -> None:
    standing = await request(limiter(), caller=Caller("acme", tier))
    assert (standing.limit.name, standing.remaining) == (name, burst - 1)


async def test_each_tier_has_its_own_limit_and_each_subject_its_own_bucket() -> None:
    narrow = limiter(
        limit_ip=None,
        limit_community=Rate(1, 1),
        limit_pro=Rate(1, 2),
        limit_enterprise=Rate(1, 3),
    )
    tiers: tuple[LicenseTier, ...] = ("community", "pro", "enterprise")
    for burst, tier in enumerate(tiers, start=1):
        for subject in ("acme", "other"):
            taken = [await request(narrow, caller=Caller(subject, tier)) for _ in range(4)]
            assert [one.allowed for one in taken] == [True] * burst + [False] * (4 - burst)
    assert narrow.refused == {"community": 6, "pro": 4, "enterprise": 2}


async def test_an_address_is_limited_whoever_asks_from_it() -> None:
    narrow = limiter(limit_ip=Rate(1, 2))
    callers = [ACME, Caller("other", "enterprise"), None]
    standings = [await request(narrow, caller=caller) for caller in callers]
    assert [one.allowed for one in standings] == [True, True, False]
    assert standings[-1].limit.name == "address"
    assert (await request(narrow, client="b")).allowed


async def test_what_a_licence_refuses_counts_for_its_address() -> None:
    narrow = limiter(limit_ip=Rate(1, 3), limit_community=Rate(1, 1))
    names = [(one.limit.name, one.allowed) for one in [await request(narrow) for _ in range(4)]]
    assert names[1:] == [("community", False), ("community", False), ("address", False)]


async def test_enterprise_and_limits_that_are_none_are_not_counted() -> None:
    free = limiter(limit_ip=None, limit_preauth=None)
    assert await free.count_request("a", Caller("acme", "enterprise")) is None
    assert await free.count_request("a", None) is None
    assert free.may_log_in("a")
    assert await free.count_refused_login("a") is None


async def test_refused_logins_have_a_bucket_for_each_address() -> None:
    clock = HeldClock()
    narrow = limiter(clock, limit_preauth=Rate(0.5, 2))
    for allowed in (True, True, False):
        assert narrow.may_log_in("a") is allowed
        standing = await narrow.count_refused_login("a")
        assert standing is not None
        assert (standing.limit.name, standing.allowed) == ("logins", allowed)
    assert narrow.may_log_in("b")
    assert (await request(narrow)).allowed
    clock.now += 2
    assert narrow.may_log_in("a")


async def test_servers_that_share_a_redis_share_limits_and_go_on_alone_without_it(
    redis: RedisProcess,
) -> None:
    clock = HeldClock()
    settings = {"limit_community": Rate(0.001, 4), "limit_preauth": Rate(0.001, 1)}
    one, other = (limiter(clock, rate_limit_url=redis.url, **settings) for _ in range(2))
    for asked in (one, other, other):
        assert (await request(asked)).allowed
    await one.count_refused_login("a")
    assert other.may_log_in("a")
    assert not one.may_log_in("a")
    await other.count_refused_login("a")
    assert not other.may_log_in("a")

    redis.stop()
    assert [(await request(one)).allowed for _ in range(4)] == [True, True, True, False]
    assert [(await request(other)).allowed for _ in range(2)] == [True, False]
    assert (one.unshared, other.unshared) == (4, 2)

    redis.start()
    clock.now += REDIS_PROBE_S
    assert (await request(one)).allowed
    assert one.unshared == 4
    for asked in (one, other):
        await asked.close()
