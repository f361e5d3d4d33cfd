"""Limits of real servers, under clients that ask at once."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest

from semvec.limits.shared import TIMEOUT_S
from tests.redis_process import RedisProcess
from tests.servers import Server, serving

CLIENTS = 64
SLOW = {"SEMVEC_RATE_LIMIT": "on", "SEMVEC_LIMIT_COMMUNITY": "0.001/100"}
"""Nothing comes back while a test runs."""
UNSHARED = "limits are no longer shared"


async def statuses(
    servers: Sequence[Server], each: int, path: str = "/v1/session/"
) -> Counter[int]:
    """Of `each` requests by each of 64 clients at once, spread over the servers."""
    counted: Counter[int] = Counter()

    async def client(number: int) -> None:
        async with servers[number % len(servers)].client() as asking:
            for _ in range(each):
                counted[(await asking.get(path)).status] += 1

    await asyncio.gather(*map(client, range(CLIENTS)))
    return counted


async def test_64_clients_at_once_get_what_is_allowed_and_not_one_more(
    sqlite_url: str, tmp_path: Path
) -> None:
    async with serving(sqlite_url, tmp_path, **SLOW) as server:
        assert await statuses([server], 4) == {200: 100, 429: 4 * CLIENTS - 100}
        assert await statuses([server], 1, "/v1/health") == {200: CLIENTS}


@pytest.mark.parametrize("proxies", ["none", "127.0.0.0/8"])
async def test_promise_18_a_spoofed_address_opens_nothing(
    sqlite_url: str, tmp_path: Path, proxies: str
) -> None:
    variables = {
        "SEMVEC_RATE_LIMIT": "on",
        "SEMVEC_LIMIT_IP": "0.001/10",
        "SEMVEC_TRUSTED_PROXIES": proxies,
    }
    counted: Counter[int] = Counter()
    async with serving(sqlite_url, tmp_path, **variables) as server:
        for number in range(20):
            spoofed = {"X-Forwarded-For": f"198.51.100.{number}", "X-Real-IP": f"::{number}"}
            async with server.client(**spoofed) as client:
                counted[(await client.get("/v1/session/")).status] += 1
    assert counted == ({200: 10, 429: 10} if proxies == "none" else {200: 20})


async def test_two_servers_share_what_is_allowed_and_outlive_their_redis(
    postgres_url: str, tmp_path: Path, redis: RedisProcess
) -> None:
    shared = SLOW | {"SEMVEC_RATE_LIMIT_URL": redis.url}
    async with (
        serving(postgres_url, tmp_path, **shared) as one,
        serving(postgres_url, tmp_path, **shared) as other,
    ):
        assert await statuses([one, other], 4) == {200: 100, 429: 4 * CLIENTS - 100}
        redis.stall()
        async with asyncio.timeout(20 * TIMEOUT_S), one.client() as client:
            assert [(await client.get("/v1/session/")).status for _ in range(20)] == [429] * 20
        redis.stop()
        assert await statuses([one, other], 1) == {429: CLIENTS}
        async with asyncio.timeout(10):  # lines of the log are written beside the requests
            while not all(UNSHARED in server.log.read_text() for server in (one, other)):  # noqa: ASYNC110
                await asyncio.sleep(0.1)
