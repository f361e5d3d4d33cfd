import asyncio
from collections.abc import AsyncIterator, Callable
from typing import cast

import pytest
from aiohttp import web

from semvec.errors import Unavailable
from semvec.service import Service
from semvec.settings import Settings
from semvec.web.app import assemble
from semvec.web.body_budget import CALLER_SHARES, BodyBudget
from semvec.web.body_budget import LARGEST_BODIES_AT_ONCE as BODIES_AT_ONCE
from semvec.web.keys import BODY_BUDGET
from tests.web.conftest import RecordingService

MAX_BODY_BYTES = 64 * 1024
SHARE = BODIES_AT_ONCE * MAX_BODY_BYTES // CALLER_SHARES


@pytest.fixture(autouse=True)
def small_total(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("semvec.web.body_budget.MIN_TOTAL_BYTES", 0)


@pytest.fixture
async def app(service: RecordingService) -> AsyncIterator[tuple[web.Application, int]]:
    """The application on a port."""
    settings = Settings(allow_anonymous=True, memory_bytes=1, max_body_bytes=MAX_BODY_BYTES)
    app = assemble(settings, cast(Service, service), None)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    yield app, runner.addresses[0][1]
    await runner.cleanup()


async def until(condition: Callable[[], bool]) -> None:
    for _ in range(1000):
        if condition():
            return
        await asyncio.sleep(0.01)
    raise TimeoutError


def test_a_caller_fills_no_more_than_its_share() -> None:
    budget = BodyBudget(MAX_BODY_BYTES)
    budget.take("greedy", SHARE)
    with pytest.raises(Unavailable, match="your requests"):
        budget.take("greedy", 1)
    budget.take("other", SHARE)
    budget.give_back("greedy", SHARE)
    budget.take("greedy", 1)
    assert budget.used == SHARE + 1


def test_callers_together_fill_no_more_than_the_total() -> None:
    budget = BodyBudget(MAX_BODY_BYTES)
    for number in range(CALLER_SHARES):
        budget.take(f"caller {number}", SHARE)
    with pytest.raises(Unavailable, match="the server has too many"):
        budget.take("one more", 1)


async def test_unfinished_bodies_past_the_share_are_refused_and_all_are_given_back(
    app: tuple[web.Application, int],
) -> None:
    application, port = app
    budget = application[BODY_BUDGET]
    head = f"POST /v1/run HTTP/1.1\r\nHost: a\r\nContent-Length: {MAX_BODY_BYTES}\r\n\r\n"
    unfinished = head.encode() + b" " * (MAX_BODY_BYTES - 1)
    streams = []
    for _ in range(SHARE // MAX_BODY_BYTES):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(unfinished)
        await writer.drain()
        streams.append((reader, writer))
    await until(lambda: budget.used >= SHARE - SHARE // MAX_BODY_BYTES)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(unfinished)
    async with asyncio.timeout(10):
        answer = await reader.readuntil(b"\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 503")
    assert b"Retry-After" in answer
    for _, each in [*streams, (reader, writer)]:
        each.close()
    await until(lambda: budget.used == 0)
