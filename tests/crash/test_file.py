"""Promise 31: the file of a live server's database is removed, replaced, or has another name."""

import asyncio
import os
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.crash.test_outage import write, write_until_available, write_until_unavailable
from tests.crash.writers import Writer
from tests.servers import Answer, Client, command, environment, serving

CLIENTS = 4


async def test_promise_31_a_file_that_is_gone(tmp_path: Path) -> None:
    path = tmp_path / "semvec.db"
    async with serving(f"sqlite:///{path}", tmp_path) as server:
        writers = [Writer(f"c{number}", random.Random(number)) for number in range(CLIENTS)]
        await asyncio.gather(*(write(server, each, 15) for each in writers))
        path.rename(tmp_path / "away.db")
        async with server.client() as client:
            first = await client.post("/v1/session/create", session_id="lost", dimension=3)
        refused(first, "is not at its path any more")
        await asyncio.gather(*(write_until_unavailable(server, each) for each in writers))
        async with server.client() as client:
            ready = await client.get("/v1/readyz")
            assert ready.status == 503
            assert "is not at its path any more" in ready.json()["checks"]["database"]
            path.touch()
            ready = await client.get("/v1/readyz")
            assert "restarted" in ready.json()["checks"]["database"]
            (tmp_path / "away.db").replace(path)
            await ready_again(client)
        await asyncio.gather(*(write_until_available(server, each) for each in writers))
        await asyncio.gather(*(write(server, each, 15) for each in writers))
        await server.kill()
    async with serving(f"sqlite:///{path}", tmp_path) as server, server.client() as client:
        for writer in writers:
            await writer.check_all(client)


async def test_promise_31_a_log_that_is_removed(tmp_path: Path) -> None:
    path = tmp_path / "semvec.db"
    async with serving(f"sqlite:///{path}", tmp_path) as server:
        writer = Writer("c", random.Random(31))
        await write(server, writer, 30)
        (tmp_path / "semvec.db-wal").unlink()
        async with server.client() as client:
            assert (await client.get("/v1/readyz")).status == 503
            await ready_again(client)
        await write(server, writer, 30)
        await server.kill()
    async with serving(f"sqlite:///{path}", tmp_path) as server, server.client() as client:
        await writer.check_all(client)


@pytest.mark.parametrize("link", [os.symlink, os.link])
async def test_promise_31_another_name(tmp_path: Path, link: Callable[[Path, Path], None]) -> None:
    (tmp_path / "other").mkdir()
    path, other = tmp_path / "semvec.db", tmp_path / "other" / "name.db"
    async with serving(f"sqlite:///{path}", tmp_path):
        link(path, other)
        second = await asyncio.create_subprocess_exec(
            *command(),
            env=environment(f"sqlite:///{other}", {}),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        _, said = await second.communicate()
        assert second.returncode == 1
        assert b"in use by another server" in said


def refused(answer: Answer, why: str) -> None:
    assert (answer.status, "retry-after" in answer.headers) == (503, True)
    assert why in answer.json()["detail"]


async def ready_again(client: Client) -> None:
    async with asyncio.timeout(20):
        while (await client.get("/v1/readyz")).status != 200:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
