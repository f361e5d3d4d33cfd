"""Promise 1: a server killed at any moment has lost nothing that it acknowledged."""

import asyncio
import contextlib
import os
import random
import statistics
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.crash.writers import Writer
from tests.servers import Client, Cut, Refused, Server, serving
from tests.services import DIMENSION

CLIENTS = 16
KILLS = int(os.environ.get("SEMVEC_TEST_KILLS", "50"))
STORED = 10_000
READY_S = 2.0
IMPORT_RATIO = 1.5
"""Of the time for imports alone: what counts where a busy machine has spent READY_S on those."""
VARIABLES = {"SEMVEC_MAX_SESSIONS": "32"}
"""Half of what the clients use, so that sessions are evicted and rebuilt all the time."""


@pytest.mark.timeout(600)
async def test_promise_1_kills_lose_nothing_sqlite(
    sqlite_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    await kills_lose_nothing(sqlite_url, tmp_path, KILLS, capsys)


@pytest.mark.timeout(600)
async def test_promise_1_kills_lose_nothing_postgresql(
    postgres_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    await kills_lose_nothing(postgres_url, tmp_path, max(1, KILLS // 5), capsys)


async def kills_lose_nothing(
    url: str, folder: Path, kills: int, capsys: pytest.CaptureFixture[str]
) -> None:
    seed = random.getrandbits(32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    writers = [Writer(f"c{number}", random.Random(chance.random())) for number in range(CLIENTS)]
    async with serving(url, folder) as server:
        await fill(server)
    ready: list[float] = []
    in_doubt = 0
    for _ in range(kills):
        async with serving(url, folder, **VARIABLES) as server:
            ready.append(server.ready_s)
            await check(server, writers)
            await write_until_killed(server, writers, chance.uniform(0.02, 0.8))
        in_doubt += sum(len(writer.in_doubt) for writer in writers)
    async with serving(url, folder, **VARIABLES) as server:
        await check(server, writers, everything=True)
        await check_list(server, writers)
    acknowledged = sum(writer.acknowledged for writer in writers)
    floor = statistics.median(import_s() for _ in range(3))
    median = statistics.median(ready)
    with capsys.disabled():
        print(
            f"\n{kills} kills: {acknowledged} changes acknowledged, 0 lost, {in_doubt} unanswered; "
            f"ready in {median:.2f} s (slowest {max(ready):.2f} s; imports alone {floor:.2f} s)"
        )
    assert acknowledged > kills * CLIENTS
    assert in_doubt > kills
    assert median < max(READY_S, IMPORT_RATIO * floor)


async def fill(server: Server) -> None:
    """Make sessions that nobody uses; the server is then killed like any other."""

    async def create(numbers: range) -> None:
        async with server.client() as client:
            for number in numbers:
                fields = {"session_id": f"stored-{number}", "dimension": DIMENSION}
                assert (await client.post("/v1/session/create", **fields)).status == 200

    await asyncio.gather(*(create(range(first, STORED, CLIENTS)) for first in range(CLIENTS)))


async def check(server: Server, writers: list[Writer], *, everything: bool = False) -> None:
    async def check_one(writer: Writer) -> None:
        async with server.client() as client:
            await (writer.check_all(client) if everything else writer.check(client))

    await asyncio.gather(*map(check_one, writers))


async def check_list(server: Server, writers: list[Writer]) -> None:
    """The list counts what the sessions hold, and none has come or gone."""
    async with server.client() as client:
        answer = await client.get("/v1/session/?limit=1000")
    counted = {item["session_id"]: item["interaction_count"] for item in answer.json()}
    held = {
        session_id: len(state.learnt)
        for writer in writers
        for session_id, (state,) in writer.states.items()
        if state is not None
    }
    assert {name: n for name, n in counted.items() if not name.startswith("stored-")} == held
    assert int(answer.headers["x-total-estimate"]) == STORED + len(held)


async def write_until_killed(server: Server, writers: list[Writer], seconds: float) -> None:
    writing = asyncio.gather(*(write_until_cut(writer, server.client()) for writer in writers))
    await asyncio.sleep(seconds)
    await server.kill()
    await writing


async def write_until_cut(writer: Writer, client: Client) -> None:
    async with client:
        with contextlib.suppress(Cut, Refused):
            while True:
                assert (await writer.write(client)).status == 200


def import_s() -> float:
    """What the start of a server that opens nothing takes."""
    started = time.perf_counter()
    subprocess.run([sys.executable, "-c", "import semvec.web.serve"], check=True)
    return time.perf_counter() - started
