"""Promise 29: what was acknowledged is what every later read sees, on whichever server.

Eight clients ask two to four servers on one database about few sessions, which are created,
changed, deleted and created again; the history of each session has to be linearizable. A failure
names its seed. SEMVEC_TEST_SEED sets the first one, SEMVEC_TEST_HISTORIES how many each test takes.
"""

import asyncio
import os
import random
import secrets
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from semvec.session.text_normalise import content_hash
from tests.api.recording import History, Speaker
from tests.api.session_model import Call, Result, State, step
from tests.histories import Operation, violation
from tests.servers import Server, serving

CLIENTS = 8
REQUESTS = 50
"""Of each client in one history."""
SESSIONS = 4
FEW = "2"
"""So few in memory that sessions leave it and come back all the time."""


def seeds() -> list[int]:
    first = int(os.environ.get("SEMVEC_TEST_SEED") or secrets.randbelow(10**6))
    return list(range(first, first + int(os.environ.get("SEMVEC_TEST_HISTORIES", "1"))))


async def recorded(servers: Sequence[Server], seed: int, *, kill: bool = False) -> History:
    """What eight clients see; with `kill` the last server is, when half of them have asked."""
    history = History([f"s{seed}-{number}" for number in range(SESSIONS)])
    speakers = [
        Speaker(f"c{number}", servers, history, random.Random(f"{seed} {number}"))
        for number in range(CLIENTS)
    ]
    async with asyncio.TaskGroup() as speaking:
        for speaker in speakers:
            speaking.create_task(speaker.speak(REQUESTS))
        if kill:
            while history.asked < CLIENTS * REQUESTS / 2:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            await servers[-1].kill()
    return history


def check(history: History, seed: int) -> None:
    for session, operations in history.operations.items():
        found = violation(operations, State(), step)
        assert found is None, f"SEMVEC_TEST_SEED={seed}, session {session}: {found}"


async def run(
    url: str, folder: Path, count: int, *, kill: bool = False, max_sessions: str = "100"
) -> None:
    async with AsyncExitStack() as stack:
        servers = [
            await stack.enter_async_context(serving(url, folder, SEMVEC_MAX_SESSIONS=max_sessions))
            for _ in range(count)
        ]
        for seed in (wanted := seeds()):
            began = time.monotonic()
            last = kill and seed == wanted[-1]
            history = await recorded(servers, seed, kill=last)
            took = time.monotonic() - began
            check(history, seed)
            size = sum(map(len, history.operations.values()))
            print(f"seed {seed}: {size} operations in {took:.1f} s")


def told(*steps: tuple[str, int, object]) -> list[Operation[Call]]:
    """Requests one after the other: what each asks, its status and what it tells."""
    return [
        Operation(
            "c", Call(kind, "word", key="key" if kind == "store" else None), at, at + 0.5, result
        )
        for at, (kind, status, value) in enumerate(steps)
        for result in [Result(status, value)]
    ]


STORED = ("store", 200, content_hash("word"))
MADE = ("create", 200, True)


@pytest.mark.parametrize(
    "steps",
    [
        [MADE, STORED, STORED, ("metrics", 200, (1, 1)), ("delete", 200, None)],
        [MADE, STORED, ("delete", 200, None), ("store", 404, None), MADE, ("store", 404, None)],
        [("metrics", 404, None), MADE, ("create", 200, False), ("metrics", 200, (0, 0))],
    ],
    ids=["a repeat", "an answer that went with its session", "made once"],
)
def test_what_servers_may_tell(steps: list[tuple[str, int, object]]) -> None:
    assert violation(told(*steps), State(), step) is None


@pytest.mark.parametrize(
    "steps",
    [
        [MADE, ("metrics", 404, None)],
        [MADE, STORED, ("metrics", 200, (0, 0))],
        [MADE, STORED, STORED, ("metrics", 200, (2, 2))],
        [MADE, ("delete", 200, None), ("metrics", 200, (0, 0))],
        [MADE, STORED, ("delete", 200, None), MADE, ("metrics", 200, (1, 1))],
        [MADE, STORED, ("delete", 200, None), MADE, STORED],
        [MADE, MADE],
    ],
    ids=[
        "a stale 404",
        "a lost change",
        "a repeat that counts",
        "back from the dead",
        "what belonged to the one before",
        "carried out again",
        "made twice",
    ],
)
def test_what_servers_may_not_tell(steps: list[tuple[str, int, object]]) -> None:
    assert violation(told(*steps), State(), step) is not None


async def test_promise_29_two_servers(postgres_url: str, tmp_path: Path) -> None:
    await run(postgres_url, tmp_path, 2)


async def test_promise_29_four_servers_with_room_for_few_sessions_one_is_killed(
    postgres_url: str, tmp_path: Path
) -> None:
    await run(postgres_url, tmp_path, 4, kill=True, max_sessions=FEW)


@pytest.mark.parametrize("max_sessions", ["100", FEW], ids=["room", "little room"])
async def test_promise_29_one_server_on_sqlite(
    sqlite_url: str, tmp_path: Path, max_sessions: str
) -> None:
    await run(sqlite_url, tmp_path, 1, max_sessions=max_sessions)
