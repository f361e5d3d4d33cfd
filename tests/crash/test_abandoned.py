"""Promise 33: nothing is done for a client that has left, and a stop leaves nobody in silence."""

import asyncio
import contextlib
import json
import random
import signal
import zlib
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from tests.servers import Client, Refused, Server, serving
from tests.services import embedding

EXIT_S = 10.0
SESSIONS, WORKERS, KEYS = 3, 3, 6
LONG = ("ERROR 2026-03-01T10:00:00Z worker[17]: retry 3 of 5 for job 8842\n" * 4000)[:250_000]


class Endpoint:
    """Embeds one text and then nothing; knows who asks and who has left."""

    def __init__(self) -> None:
        self.asked, self.left = asyncio.Event(), asyncio.Event()
        app = web.Application()
        app.router.add_post("/{path:.*}", self._answer)
        self.server = TestServer(app)  # which cancels a handler whose client leaves

    async def _answer(self, request: web.Request) -> web.Response:
        body = await request.json()
        if LONG not in body["input"]:
            vectors = ([1, zlib.crc32(text.encode()) % 997] for text in body["input"])
            rows = [{"index": place, "embedding": each} for place, each in enumerate(vectors)]
            return web.json_response({"data": rows})
        self.asked.set()
        try:
            await asyncio.sleep(3600)
        finally:
            self.left.set()
        raise AssertionError


@pytest.fixture
async def endpoint() -> AsyncIterator[Endpoint]:
    endpoint = Endpoint()
    await endpoint.server.start_server()
    yield endpoint
    await endpoint.server.close()


async def ask_for_long(client: Client, path: str, **fields: object) -> asyncio.StreamReader:
    """Send a request that takes long; its answer is not waited for."""
    body = json.dumps(fields).encode()
    reader, writer = await client.connect()
    head = f"POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: {len(body)}\r\n\r\n"
    writer.write(head.encode() + body)
    await writer.drain()
    return reader


def remote(endpoint: Endpoint) -> dict[str, str]:
    url = str(endpoint.server.make_url("/v1"))
    return {"SEMVEC_EMBEDDER": url, "SEMVEC_EMBED_MODEL": "m"}


async def test_promise_33_who_has_left_is_not_worked_for(
    sqlite_url: str, tmp_path: Path, endpoint: Endpoint
) -> None:
    async with serving(sqlite_url, tmp_path, **remote(endpoint)) as server:
        async with server.client() as client:
            await ask_for_long(client, "/v1/run", message=LONG)
            await endpoint.asked.wait()
        async with asyncio.timeout(5):
            await endpoint.left.wait()
        async with server.client() as client:
            assert (await client.get("/v1/session/")).json() == []
        server.process.send_signal(signal.SIGTERM)
        assert await server.exit_status(EXIT_S) == 0
        assert "Traceback" not in server.log.read_text()
        assert '"status":499' in server.log.read_text()


async def test_promise_33_the_encoder_stops_within_a_few_windows(
    sqlite_url: str, tmp_path: Path
) -> None:
    async with serving(sqlite_url, tmp_path, SEMVEC_EMBEDDER="local") as server:
        process = psutil.Process(server.process.pid)
        async with server.client() as client:
            await ask_for_long(client, "/v1/run", message=LONG, learn=False)
            await working(process)
        await asyncio.sleep(1.5)
        before = spent(process)
        await asyncio.sleep(2)
        assert spent(process) - before < 0.4


async def working(process: psutil.Process) -> None:
    """The text is being encoded."""
    before = spent(process)
    while spent(process) - before < 0.5:  # noqa: ASYNC110
        await asyncio.sleep(0.1)


def spent(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


async def test_promise_33_a_stop_answers_what_cannot_finish(
    sqlite_url: str, tmp_path: Path, endpoint: Endpoint
) -> None:
    """Nothing of it has happened, and it may be sent again."""
    async with serving(sqlite_url, tmp_path, **remote(endpoint)) as server:
        async with server.client() as client:
            reader = await ask_for_long(client, "/v1/run", message=LONG)
            await endpoint.asked.wait()
            server.process.send_signal(signal.SIGTERM)
            answer = await reader.read()
        assert answer.startswith(b"HTTP/1.1 503 "), answer
        assert b"\r\nRetry-After: 5\r\n" in answer
        assert b"the server is stopping: nothing was changed" in answer
        assert await server.exit_status(EXIT_S) == 0
        assert "Traceback" not in server.log.read_text()
    async with serving(sqlite_url, tmp_path) as server, server.client() as client:
        assert (await client.get("/v1/session/")).json() == []


async def test_promise_33_what_was_handed_to_the_writer_is_done_whole(
    database_url: str, tmp_path: Path
) -> None:
    """Clients that leave at any moment and come back with the same key: one effect each."""
    chance = random.Random(7)
    async with serving(database_url, tmp_path) as server:
        async with server.client() as client:
            for session in range(SESSIONS):
                await client.post("/v1/session/create", session_id=f"s{session}", dimension=8)
        async with asyncio.TaskGroup() as group:
            for session in range(SESSIONS):
                for worker in range(WORKERS):
                    group.create_task(store_restlessly(server, session, worker, chance))
        async with server.client() as client:
            for item in (await client.get("/v1/session/")).json():
                assert item["interaction_count"] == WORKERS * KEYS
                path = f"/v1/session/{item['session_id']}/verify"
                verified = (await client.post(path, test_embeddings=[])).json()
                assert verified["consistent"], verified
        assert "Traceback" not in server.log.read_text()


async def store_restlessly(
    server: Server, session: int, worker: int, chance: random.Random
) -> None:
    for number in range(KEYS):
        text = f"{worker}:{number}"
        fields = {
            "session_id": f"s{session}",
            "response": text,
            "response_embedding": embedding(text),
        }
        body = json.dumps(fields).encode()
        for _ in range(chance.randrange(4)):
            with contextlib.suppress(TimeoutError, Refused):
                async with server.client() as client, asyncio.timeout(chance.random() / 50):
                    await client.request("POST", "/v1/store", body, f"k{session}:{text}")
        while True:
            async with server.client() as client:
                answer = await client.request("POST", "/v1/store", body, f"k{session}:{text}")
            if answer.status == 200:
                break
            assert answer.status in (409, 503), answer
