"""Promise 3: a server that is told to stop fails no request and loses nothing."""

import asyncio
import json
import random
import signal
from pathlib import Path

import pytest
from sqlalchemy import text

from semvec.store import Store
from tests.crash.writers import Writer
from tests.servers import Client, Cut, Refused, Server, serving
from tests.services import embedding

CLIENTS = 16
EXIT_S = 10.0


@pytest.mark.parametrize("delay_s", [0, 1])
async def test_promise_3_a_stop_under_load(database_url: str, tmp_path: Path, delay_s: int) -> None:
    writers = [Writer(f"c{number}", random.Random(number)) for number in range(CLIENTS)]
    async with serving(database_url, tmp_path, SEMVEC_DRAIN_DELAY_S=str(delay_s)) as server:
        writing = asyncio.gather(*(write_until_refused(server, writer) for writer in writers))
        await asyncio.sleep(1)
        server.process.send_signal(signal.SIGTERM)
        assert await server.exit_status(EXIT_S + delay_s) == 0
        missed = sum(await writing)
        assert missed < CLIENTS / 2
        assert "Traceback" not in server.log.read_text()
    assert sum(writer.acknowledged for writer in writers) > 10 * CLIENTS
    assert await count_without_snapshot(database_url) == 0
    async with serving(database_url, tmp_path) as server, server.client() as client:
        for writer in writers:
            assert not writer.in_doubt
            await writer.check(client)


async def write_until_refused(server: Server, writer: Writer) -> int:
    """How many connections the kernel made behind the last one that the server took.

    Those got no byte of an answer, and their requests must have had no effect.
    """
    async with server.client() as client:
        while True:
            before = dict(writer.states)
            try:
                answer = await writer.write(client)
            except Refused:
                return 0
            except Cut as cut:
                if not cut.fresh or cut.received:
                    raise
                writer.states = before
                return 1
            assert answer.status == 200


async def count_without_snapshot(url: str) -> int:
    engine = Store(url).engine
    async with engine.connect() as connection:
        count = text("SELECT count(*) FROM sessions WHERE snapshot_seq < seq")
        unsaved = (await connection.execute(count)).scalar_one()
    await engine.dispose()
    return int(unsaved)


@pytest.mark.parametrize("finished", [True, False])
async def test_promise_3_a_request_half_sent_is_waited_for(
    sqlite_url: str, tmp_path: Path, finished: bool
) -> None:
    """A second later it is whole and answered; one that never will be does not hold the server."""
    async with serving(sqlite_url, tmp_path) as server, server.client() as client:
        body = json.dumps({"message": "m", "message_embedding": embedding("m")}).encode()
        reader, writer = await client.connect()
        head = f"POST /v1/run HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
        writer.write(head.encode() + body[:20])
        await asyncio.sleep(0.2)
        server.process.send_signal(signal.SIGTERM)
        if finished:
            await asyncio.sleep(1)
            writer.write(body[20:])
            assert (await reader.readline()).startswith(b"HTTP/1.1 200 ")
        assert await server.exit_status(EXIT_S) == 0


async def test_promise_3_transfers_under_way_do_not_hold_it(
    sqlite_url: str, tmp_path: Path
) -> None:
    """A client that takes nothing of its export, and one that never ends its import."""
    async with serving(sqlite_url, tmp_path) as server, server.client() as client:
        await client.post("/v1/session/create", session_id="s", dimension=2)
        for number in range(24):
            entity = {"key": str(number), "kind": "type", "value": "a" * 900_000}
            assert (await client.post("/v1/session/s/entities", **entity)).status == 201
        async with server.client() as taker, server.client() as giver:
            _, writer = await taker.connect()
            writer.transport.pause_reading()  # type: ignore[attr-defined]
            writer.write(b"GET /v1/session/s/export HTTP/1.1\r\nHost: x\r\n\r\n")
            _, writer = await giver.connect()
            head = (
                b"POST /v1/session/s/import HTTP/1.1\r\nHost: x\r\nContent-Length: 999999\r\n\r\n"
            )
            writer.write(head + b'{"state_dict": {')
            await asyncio.sleep(2)
            server.process.send_signal(signal.SIGTERM)
            assert await server.exit_status(EXIT_S) == 0
            assert "Traceback" not in server.log.read_text()


async def test_promise_3_while_draining_it_serves_and_says_so(
    sqlite_url: str, tmp_path: Path
) -> None:
    async with (
        serving(sqlite_url, tmp_path, SEMVEC_DRAIN_DELAY_S="1") as server,
        server.client() as client,
    ):
        writer = Writer("c", random.Random(1))
        await writer.write(client)
        server.process.send_signal(signal.SIGTERM)
        await becomes_unready(client)
        kept = await writer.write(client)
        assert (kept.status, kept.headers["connection"]) == (200, "close")
        async with server.client() as new:
            answer = await writer.write(new)
        assert (answer.status, answer.headers["connection"]) == (200, "close")
        assert server.process.returncode is None
        assert await server.exit_status(EXIT_S) == 0


async def test_promise_3_a_second_signal_exits_at_once(sqlite_url: str, tmp_path: Path) -> None:
    variables = {"SEMVEC_DRAIN_DELAY_S": "60"}
    async with serving(sqlite_url, tmp_path, **variables) as server, server.client() as client:
        writer = Writer("c", random.Random(1))
        for _ in range(20):
            await writer.write(client)
        server.process.send_signal(signal.SIGTERM)
        await becomes_unready(client)
        server.process.send_signal(signal.SIGTERM)
        assert await server.exit_status(1) == 128 + signal.SIGTERM
    async with serving(sqlite_url, tmp_path) as server, server.client() as client:
        await writer.check(client)


async def becomes_unready(client: Client) -> None:
    async with asyncio.timeout(1):
        while (await client.get("/v1/readyz")).status != 503:
            pass
