"""Votes and drift events over kills, stops and two servers."""

import asyncio
import signal
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any

from tests.coordination import STEADY, axis
from tests.servers import Client, Cut, Refused, Server, serving
from tests.services import DIMENSION


async def post(client: Client, path: str, **body: object) -> Any:
    answer = await client.post(path, **body)
    assert answer.status in (200, 201), (path, answer.status, answer.body)
    return answer.json()


async def settle(client: Client, *clusters: str) -> None:
    await post(client, "/v1/region/", region_id="r", name="r", dimension=DIMENSION)
    for name in clusters:
        await post(client, "/v1/cluster/", cluster_id=name, name=name, dimension=DIMENSION)
        await post(client, "/v1/region/r/clusters", cluster_id=name)


async def digress(client: Client, cluster: str, since: int = 0) -> None:
    for number in range(STEADY + 1):
        subject = since if number < STEADY else since + 1
        said = await post(
            client,
            f"/v1/cluster/{cluster}/run",
            message=f"turn {since} {number}",
            message_embedding=axis(subject),
        )
        assert said["drift_detected"] == (number == STEADY)


async def state(client: Client) -> Any:
    return (await client.get("/v1/region/r")).json()


async def test_votes_outlive_a_kill(database_url: str, tmp_path: Path) -> None:
    """What was acknowledged counts on: one vote more makes the majority on the next server."""
    async with serving(database_url, tmp_path) as server, server.client() as client:
        await settle(client, "a", "b", "c")
        await post(client, "/v1/session/create", session_id="s", dimension=DIMENSION)
        await post(client, "/v1/cluster/a/members", session_id="s")
        await digress(client, "a")
        before = await state(client)
        await server.kill()
    async with serving(database_url, tmp_path) as server, server.client() as client:
        assert await state(client) == before
        assert before["voting_cluster_count"] == 1
        assert (await client.get("/v1/cluster/a")).json()["member_count"] == 1
        await digress(client, "b")
        realigned = await state(client)
        assert realigned["last_realignment"] is not None
        await server.kill()
    async with serving(database_url, tmp_path) as server, server.client() as client:
        assert await state(client) == realigned


async def test_kills_at_any_moment_leave_votes_and_events_alike(
    sqlite_url: str, tmp_path: Path
) -> None:
    """Every drift that was told has its event and its turn, and one that was not may have both."""
    told, in_doubt = 0, 0
    for number in range(6):
        async with serving(sqlite_url, tmp_path) as server, server.client() as client:
            if not number:
                await settle(client, "a", "b", "c")
            events = (await client.get("/v1/region/r/events?limit=1000")).json()
            assert told <= len(events) <= told + in_doubt
            assert [each["event_id"] for each in events] == [*range(len(events), 0, -1)]
            for name in "abc":
                verified = await post(client, f"/v1/session/{name}/verify", test_embeddings=[])
                assert verified["consistent"], verified
            told = len(events)
            killing = asyncio.create_task(kill_soon(server, 0.1 + 0.07 * number))
            told += await digress_until_cut(client, 1000 * number)
            in_doubt = 1
            await killing
    assert told > 6


async def digress_until_cut(client: Client, since: int) -> int:
    """How many drifts were told."""
    told = 0
    with suppress(Cut, Refused):
        for number in count(since):
            said = await post(
                client,
                f"/v1/cluster/{'abc'[number % 3]}/run",
                message=f"turn {number}",
                message_embedding=axis(number // 12),
            )
            told += said["drift_detected"]
    return told


async def kill_soon(server: Server, after_s: float) -> None:
    await asyncio.sleep(after_s)
    await server.kill()


async def test_streams_end_when_the_server_is_told_to_stop(sqlite_url: str, tmp_path: Path) -> None:
    async with serving(sqlite_url, tmp_path) as server, server.client() as client:
        await settle(client, "a")
        streams = [server.client() for _ in range(4)]
        readers = []
        for stream in streams:
            reader, writer = await stream.connect()
            writer.write(b"GET /v1/region/r/events/stream HTTP/1.1\r\nHost: here\r\n\r\n")
            assert b"200 OK" in await reader.readuntil(b"\r\n\r\n")
            readers.append(reader)
        await digress(client, "a")
        for reader in readers:
            assert b"id: 1" in await reader.readuntil(b"data: ")
        server.process.send_signal(signal.SIGTERM)
        for reader in readers:
            assert (await reader.read()).endswith(b"0\r\n\r\n")
        assert await server.exit_status(10) == 0
        assert "Traceback" not in server.log.read_text()
        for stream in streams:
            await stream.close()


async def test_a_drift_on_one_server_is_seen_on_the_other(
    postgres_url: str, tmp_path: Path
) -> None:
    async with (
        serving(postgres_url, tmp_path) as one,
        serving(postgres_url, tmp_path) as other,
        one.client() as here,
        other.client() as there,
        other.client() as stream,
    ):
        await settle(here, "a", "b")
        reader, writer = await stream.connect()
        writer.write(b"GET /v1/region/r/events/stream HTTP/1.1\r\nHost: here\r\n\r\n")
        await reader.readuntil(b"\r\n\r\n")
        await digress(here, "a")
        async with asyncio.timeout(5):
            assert b"id: 1" in await reader.readuntil(b"data: ")
        await digress(there, "b")
        assert (await state(here))["last_realignment"] is not None
        assert await state(here) == await state(there)
        async with asyncio.timeout(5):
            assert b"id: 2" in await reader.readuntil(b"data: ")
