import re
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from semvec.licensing.keys import PublicKey
from semvec.licensing.token import LicenseTier, TokenClaims, sign
from semvec.licensing.verifier import Verifier
from semvec.limits.limiter import open_limiter
from semvec.rate import Rate
from semvec.settings import Settings
from semvec.web.keys import CONTEXT
from semvec.web.middleware.response_headers import set_response_headers
from tests.services import HeldClock
from tests.web.edged import edged

Client = TestClient[web.Request, web.Application]
Answer = tuple[int, dict[str, str]]
TOLD = ("RateLimit-Policy", "RateLimit", "X-RateLimit-Limit", "X-RateLimit-Remaining")
POLICY = re.compile(r'"(\w+)";q=(\d+);w=(\d+)')
LIMIT = re.compile(r'"(\w+)";r=(\d+);t=(\d+)')


async def work(request: web.Request) -> web.Response:
    return web.Response()


async def stream(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    set_response_headers(response, request[CONTEXT])
    await response.prepare(request)
    await response.write(b"part")
    return response


class Site:
    """An application with limits under a clock that stands still, and tokens for it."""

    def __init__(self, **settings: Any) -> None:
        self.clock = HeldClock()
        self._key = Ed25519PrivateKey.generate()
        key = PublicKey(None, self._key.public_key())
        verifier = Verifier([key], renewal_url="https://renew.example")
        limiter = open_limiter(Settings(memory_bytes=1, **settings), self.clock)
        assert limiter is not None
        self.limiter = limiter
        paths = {"/work": work, "/stream": stream, "/v1/health": work}
        routes = [("GET", path, handle) for path, handle in paths.items()]
        self.app = edged(*routes, verifier=verifier, limiter=limiter)
        self.client: Client | None = None

    def token(self, sub: str = "acme", tier: LicenseTier = "community", ttl_s: int = 600) -> str:
        now = int(time.time())
        claims = TokenClaims(
            sub=sub, tier=tier, iat=now, exp=now + ttl_s, jti=str(time.monotonic_ns())
        )
        return sign(claims, self._key)

    async def ask(
        self,
        path: str = "/work",
        token: str | None = None,
        client: str = "203.0.113.7",
        method: str = "GET",
        **headers: str,
    ) -> Answer:
        assert self.client is not None
        headers["X-Forwarded-For"] = client
        if token is not None:
            headers["X-API-Key"] = token
        async with self.client.request(method, path, headers=headers) as answer:
            await answer.read()
            return answer.status, dict(answer.headers)

    async def statuses(self, times: int, **how: Any) -> list[int]:
        return [(await self.ask(**how))[0] for _ in range(times)]


Open = Callable[..., Awaitable[Site]]


@pytest.fixture
async def site() -> AsyncIterator[Open]:
    async with AsyncExitStack() as stack:

        async def open_site(**settings: Any) -> Site:
            opened = Site(**settings)
            opened.client = await stack.enter_async_context(TestClient(TestServer(opened.app)))
            return opened

        yield open_site


async def test_a_licence_may_ask_its_burst_and_then_waits_as_long_as_it_is_told(site: Open) -> None:
    opened = await site()
    token = opened.token()
    assert await opened.statuses(51, token=token) == [200] * 50 + [429]
    status, headers = await opened.ask(token=token)
    assert (status, headers["Retry-After"]) == (429, "1")
    opened.clock.now += 1
    assert await opened.statuses(6, token=token) == [200] * 5 + [429]
    assert await opened.statuses(1, token=opened.token("other")) == [200]


async def test_both_families_of_headers_tell_the_same(site: Open) -> None:
    opened = await site(limit_community=Rate(0.1, 3))
    token = opened.token()
    for left, reset, wait, expected in ((2, 10, 10, 200), (1, 20, 10, 200), (0, 30, 10, 200)):
        status, headers = await opened.ask(token=token)
        assert status == expected
        assert headers["RateLimit-Policy"] == '"community";q=3;w=30'
        assert headers["RateLimit"] == f'"community";r={left};t={wait}'
        assert headers["X-RateLimit-Limit"] == "3"
        assert headers["X-RateLimit-Remaining"] == str(left)
        assert headers["X-RateLimit-Reset"] == str(reset)
        assert "Retry-After" not in headers
    opened.clock.now += 3.5
    status, headers = await opened.ask(token=token)
    assert status == 429
    assert headers["RateLimit"] == '"community";r=0;t=7'
    assert headers["X-RateLimit-Reset"] == "27"
    assert headers["Retry-After"] == "7"


async def test_a_refusal_says_in_words_what_was_too_much(site: Open) -> None:
    opened = await site(limit_pro=Rate(0.5, 1))
    token = opened.token(tier="pro")
    await opened.ask(token=token)
    assert opened.client is not None
    answer = await opened.client.get("/work", headers={"X-API-Key": token})
    assert answer.status == 429
    assert await answer.json() == {
        "detail": "too many requests of this licence (0.5 a second, 1 at once): try again in 2 s",
        "request_id": answer.headers["X-Request-ID"],
    }


@pytest.mark.parametrize(
    ("tier", "told"),
    [("community", "community"), ("pro", "address"), ("enterprise", "address")],
)
async def test_the_tightest_limiter_is_told(site: Open, tier: LicenseTier, told: str) -> None:
    opened = await site()
    _, headers = await opened.ask(token=opened.token(tier=tier))
    policy, limit = (
        POLICY.fullmatch(headers["RateLimit-Policy"]),
        LIMIT.fullmatch(headers["RateLimit"]),
    )
    assert policy
    assert limit
    assert policy[1] == limit[1] == told


async def test_an_address_is_limited_over_all_its_licences(site: Open) -> None:
    opened = await site(limit_ip=Rate(1, 3))
    tokens = [opened.token(f"s{number}", "enterprise") for number in range(4)]
    assert [(await opened.ask(token=one))[0] for one in tokens] == [200, 200, 200, 429]
    assert await opened.statuses(1, token=tokens[0], client="203.0.113.8") == [200]


async def test_a_site_of_ipv6_is_one_address(site: Open) -> None:
    opened = await site(limit_ip=Rate(1, 3))
    token = opened.token(tier="enterprise")
    asked = [await opened.ask(token=token, client=f"2001:db8::{number}") for number in range(4)]
    assert [status for status, _ in asked] == [200, 200, 200, 429]
    assert await opened.statuses(1, token=token, client="2001:db8:0:1::1") == [200]


async def test_what_is_not_found_counts_too(site: Open) -> None:
    opened = await site(limit_community=Rate(1, 2))
    token = opened.token()
    assert await opened.statuses(3, path="/absent", token=token) == [404, 404, 429]
    status, headers = await opened.ask(method="POST", token=opened.token("other"))
    assert status == 405
    assert headers["X-RateLimit-Remaining"] == "1"


async def test_guessing_is_throttled_and_good_tokens_of_the_address_go_on(site: Open) -> None:
    opened = await site(limit_preauth=Rate(0.5, 3))
    good, late = opened.token(), opened.token("late")
    assert await opened.statuses(1, token=good) == [200]
    assert await opened.statuses(4, token=good + "x") == [401, 401, 401, 429]
    status, headers = await opened.ask(token=good + "y")
    assert (status, headers["Retry-After"]) == (429, "2")
    assert headers["RateLimit"] == '"logins";r=0;t=2'
    assert await opened.statuses(1, token=good) == [200]
    assert await opened.statuses(1, token=late) == [429]
    assert await opened.statuses(1, token=late, client="203.0.113.8") == [200]
    opened.clock.now += 2
    assert await opened.statuses(2, token=opened.token("x")) == [200, 200]
    assert await opened.statuses(2, token="guess") == [401, 429]


@pytest.mark.parametrize("kind", ["missing", "expired", "two"])
async def test_every_kind_of_refused_login_counts(site: Open, kind: str) -> None:
    opened = await site(limit_preauth=Rate(1, 2))
    how: dict[str, Any] = {}
    if kind == "expired":
        how = {"token": opened.token(ttl_s=-60)}
    if kind == "two":
        how = {"token": opened.token(), "Authorization": "Bearer other"}
    refused = 402 if kind == "expired" else 401
    assert await opened.statuses(3, **how) == [refused, refused, 429]
    status, headers = await opened.ask(client="203.0.113.8", **how)
    assert status == refused
    assert headers["RateLimit"].startswith('"logins";r=1;')


async def test_refused_logins_count_for_the_address_as_well(site: Open) -> None:
    opened = await site(limit_ip=Rate(1, 2))
    assert await opened.statuses(3) == [401, 401, 429]
    assert opened.limiter.refused == {"address": 1}


async def test_health_is_never_limited(site: Open) -> None:
    opened = await site(limit_ip=Rate(1, 1), limit_preauth=Rate(1, 1))
    await opened.statuses(3)
    for _ in range(5):
        status, headers = await opened.ask("/v1/health", token="guess")
        assert status == 200
        assert not set(TOLD) & headers.keys()


async def test_a_preflight_counts_for_its_address_alone(site: Open) -> None:
    opened = await site(limit_ip=Rate(1, 2))
    preflight = {"Origin": "https://a.example", "Access-Control-Request-Method": "GET"}
    assert await opened.statuses(3, method="OPTIONS", **preflight) == [405, 405, 429]


async def test_a_preflight_is_nobodys_even_where_all_are_anonymous() -> None:
    limiter = open_limiter(Settings(memory_bytes=1, limit_community=Rate(1, 1)), HeldClock())
    headers = {"Origin": "https://a.example", "Access-Control-Request-Method": "GET"}
    async with TestClient(TestServer(edged(("GET", "/work", work), limiter=limiter))) as client:
        for _ in range(3):
            answer = await client.options("/work", headers=headers)
            assert answer.status == 405
            assert answer.headers["RateLimit"].startswith('"address";')
        assert [(await client.get("/work")).status for _ in range(2)] == [200, 429]


async def test_a_limiter_that_fails_is_an_error_like_any_other(
    site: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = await site()

    async def fail(client: str) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(opened.limiter, "count_refused_login", fail)
    status, headers = await opened.ask()
    assert status == 500
    assert headers["X-Request-ID"]


async def test_a_streamed_answer_tells_too(site: Open) -> None:
    opened = await site()
    status, headers = await opened.ask("/stream", token=opened.token())
    assert status == 200
    assert headers.keys() >= set(TOLD)


async def test_the_same_holds_below_a_prefix(site: Open) -> None:
    opened = Site(limit_community=Rate(1, 1))
    outer = web.Application()
    outer.add_subapp("/memory", opened.app)
    token = opened.token()
    async with TestClient(TestServer(outer)) as opened.client:
        assert await opened.statuses(2, path="/memory/work", token=token) == [200, 429]
        assert (await opened.ask("/memory/work", token=token))[1].keys() >= set(TOLD)
        assert await opened.statuses(2, path="/memory/v1/health") == [200, 200]


MILLION = """
import asyncio, psutil
from multidict import CIMultiDict
from semvec.addresses import Networks, client_network
from semvec.limits.limiter import open_limiter
from semvec.settings import Settings
from semvec.web.middleware.client import client_address, proxy_header_reader

async def main():
    limiter = open_limiter(Settings(memory_bytes=1))
    read_hop = proxy_header_reader(Networks.parse("127.0.0.1"))
    resident = psutil.Process().memory_info
    before = resident().rss
    for number in range(1_000_000):
        spoofed = f"2001:db8:{number >> 16:x}:{number & 0xffff:x}::1" if number % 8 == 0 else (
            f"198.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}")
        headers = CIMultiDict({"X-Forwarded-For": spoofed})
        client = client_network(client_address("127.0.0.1", headers, read_hop))
        assert limiter.may_log_in(client)
        assert (await limiter.count_refused_login(client)).remaining == 49
    print(resident().rss - before)

asyncio.run(main())
"""


def test_promise_13_a_million_spoofed_addresses_take_less_than_64_mb() -> None:
    done = subprocess.run(
        [sys.executable, "-c", MILLION], capture_output=True, text=True, check=True
    )
    assert 0 < int(done.stdout) < 64 * 10**6
