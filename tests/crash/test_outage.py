"""Promise 2 at full size: the storage of a server under load goes away, and comes back."""

import asyncio
import contextlib
import random
import resource
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import asyncpg

from tests.crash.writers import Writer
from tests.servers import Server, serving

CLIENTS = 8
SMALL = 64 * 1024
"""Bytes; the journal of SQLite has outgrown it when the load begins."""

Outage = Callable[[], AbstractAsyncContextManager[None]]


async def test_promise_2_a_full_disk(sqlite_url: str, tmp_path: Path) -> None:
    async with serving(sqlite_url, tmp_path) as server:

        @asynccontextmanager
        async def full() -> AsyncIterator[None]:
            """No file of the server may grow."""
            limits = resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (SMALL, -1))
            yield
            resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, limits)

        await work_through(server, full)


async def test_promise_2_lost_connections(postgres_url: str, tmp_path: Path) -> None:
    async with serving(postgres_url, tmp_path) as server:

        @asynccontextmanager
        async def cut_off() -> AsyncIterator[None]:
            """Every connection of the server is ended again and again."""
            connection = await asyncpg.connect(postgres_url)
            cutting = asyncio.create_task(end_connections(connection))
            yield
            cutting.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await cutting
            await connection.close()

        await work_through(server, cut_off)


async def end_connections(connection: asyncpg.Connection) -> None:
    while True:
        await connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        await asyncio.sleep(0.02)


async def work_through(server: Server, outage: Outage) -> None:
    """Clients write before, during and after; nothing but 200 and 503 is ever answered."""
    writers = [Writer(f"c{number}", random.Random(number)) for number in range(CLIENTS)]
    await asyncio.gather(*(write(server, writer, 30) for writer in writers))
    assert not any(writer.unavailable for writer in writers)
    async with outage():
        await asyncio.gather(*(write_until_unavailable(server, writer) for writer in writers))
    await asyncio.gather(*(write_until_available(server, writer) for writer in writers))
    refused = [writer.unavailable for writer in writers]
    await asyncio.gather(*(write(server, writer, 30) for writer in writers))
    await asyncio.gather(*(check(server, writer) for writer in writers))
    assert [writer.unavailable for writer in writers] == refused
    assert server.process.returncode is None


async def write(server: Server, writer: Writer, changes: int) -> None:
    async with server.client() as client:
        for _ in range(changes):
            await writer.write(client)


async def write_until_unavailable(server: Server, writer: Writer) -> None:
    async with server.client() as client, asyncio.timeout(30):
        while not writer.unavailable:
            await writer.write(client)


async def write_until_available(server: Server, writer: Writer) -> None:
    """The first write after an outage may still find the connection that it ended."""
    async with server.client() as client, asyncio.timeout(10):
        while writer.in_doubt or (await writer.write(client)).status != 200:
            await writer.settle(client)


async def check(server: Server, writer: Writer) -> None:
    async with server.client() as client:
        await writer.check_all(client)
