import asyncio
import logging
from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from semvec.limits.bucket import Charge, RateLimit
from semvec.limits.limiter import nearest
from semvec.limits.local import LocalBuckets
from semvec.limits.shared import REDIS_PROBE_S, SharedBuckets
from semvec.rate import Rate
from tests.redis_process import RedisProcess
from tests.services import HeldClock

SLOW = Rate(0.001, 50)
"""Nothing comes back while a test runs."""


def charge(rate: Rate = SLOW, key: str = "a", name: str = "address") -> Charge:
    return RateLimit.make(name, "requests", rate), key


@pytest.fixture
def clock() -> HeldClock:
    return HeldClock()


@pytest.fixture
async def buckets(redis: RedisProcess, clock: HeldClock) -> AsyncIterator[SharedBuckets]:
    shared = SharedBuckets(redis.url, clock)
    yield shared
    await shared.close()


async def test_it_counts_as_local_buckets_do(buckets: SharedBuckets) -> None:
    local = LocalBuckets(HeldClock())
    rounds = [
        [charge(Rate(0.001, 3)), charge(Rate(0.001, 2), name="logins")],
        [charge(Rate(0.001, 3), key="b")],
        [charge(Rate(0.001, 3)), charge(Rate(0.001, 2), name="logins")],
        [charge(Rate(0.001, 3)), charge(Rate(0.001, 2), name="logins")],
        [charge(Rate(0.001, 3)), charge(Rate(0.001, 2), name="logins")],
    ]
    for charges in rounds:
        expected = local.take(charges)
        owed = await buckets.take(charges)
        assert owed is not None
        assert expected is not None
        told = nearest(charges, owed)
        assert (told.limit.name, told.allowed, told.remaining) == (
            expected.limit.name,
            expected.allowed,
            expected.remaining,
        )
    assert buckets.unanswered == 0


async def test_64_clients_at_once_of_two_servers_get_what_is_allowed_and_not_one_more(
    redis: RedisProcess, buckets: SharedBuckets, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("semvec.limits.shared.TIMEOUT_S", 30.0)  # 64 connections open at once
    other = SharedBuckets(redis.url, HeldClock())

    async def client(number: int) -> int:
        mine = (buckets, other)[number % 2]
        answers = [await mine.take([charge()]) for _ in range(4)]
        return sum(answer is not None and answer[0] >= 0 for answer in answers)

    assert sum(await asyncio.gather(*map(client, range(64)))) == SLOW.burst
    assert buckets.unanswered == other.unanswered == 0
    await other.close()


async def test_tokens_come_back_by_the_clock_of_redis(
    buckets: SharedBuckets, clock: HeldClock
) -> None:
    fast = charge(Rate(20, 1))
    for allowed in (True, False):
        [owed] = await buckets.take([fast]) or []
        assert (owed >= 0) is allowed
    clock.now += 3600
    await asyncio.sleep(~owed / 1e6)
    [owed] = await buckets.take([fast]) or []
    assert owed >= 0


async def test_redis_forgets_a_bucket_that_is_full_again(
    redis: RedisProcess, buckets: SharedBuckets
) -> None:
    await buckets.take([charge(Rate(0.5, 50))])
    async with Redis.from_url(redis.url) as client:
        [key] = await client.keys()
        assert 0 < await client.pttl(key) <= 2000


async def test_a_redis_that_goes_away_and_comes_back_is_noticed_and_told_once(
    redis: RedisProcess,
    buckets: SharedBuckets,
    clock: HeldClock,
    caplog: pytest.LogCaptureFixture,
) -> None:
    assert await buckets.take([charge()])
    redis.stop()
    assert await asyncio.gather(*(buckets.take([charge()]) for _ in range(20))) == [None] * 20
    assert buckets.unanswered == 20
    [record] = caplog.records
    assert record.levelno == logging.WARNING
    assert "no longer shared" in record.getMessage()
    redis.start()
    assert await buckets.take([charge()]) is None
    clock.now += REDIS_PROBE_S
    assert await buckets.take([charge()])
    assert await buckets.take([charge()])
    assert buckets.unanswered == 21
    assert "shared again" in caplog.records[-1].getMessage()


async def test_only_one_request_waits_for_a_redis_that_stalls(
    redis: RedisProcess, buckets: SharedBuckets, clock: HeldClock
) -> None:
    assert await buckets.take([charge()])
    redis.stall()
    for _ in range(2):
        asking = [asyncio.create_task(buckets.take([charge()])) for _ in range(2)]
        await asyncio.wait(asking, return_when=asyncio.FIRST_COMPLETED)
        clock.now += REDIS_PROBE_S
        asking = [asyncio.create_task(buckets.take([charge()])) for _ in range(100)]
        await asyncio.sleep(0)
        assert [one.done() for one in asking] == [False] + [True] * 99
        assert await asyncio.gather(*asking) == [None] * 100
        clock.now += REDIS_PROBE_S


async def test_a_redis_that_was_never_there_fails_nothing(clock: HeldClock) -> None:
    nowhere = SharedBuckets("redis://127.0.0.1:1", clock)
    assert await nowhere.take([charge()]) is None
    await nowhere.close()


async def test_valkey_is_spoken_to_in_the_same_way(redis: RedisProcess) -> None:
    shared = SharedBuckets(redis.url.replace("redis:", "valkey:"), HeldClock())
    assert await shared.take([charge()])
    await shared.close()
