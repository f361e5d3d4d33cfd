"""Ready is who has committed and encoded, when that was last tried."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from sqlalchemy import Connection, event

from semvec.embed.remote import Patience, RemoteEmbedder
from semvec.errors import Unavailable
from semvec.service import Service
from tests.services import OWNER, create, running, store

QUICK = Patience(timeout=0.5, attempts=1, pause=0.01, longest_pause=0.05)


@dataclass
class Endpoint:
    """An embedding endpoint on a port, which answers while it `works`."""

    works: bool = True
    asked: list[str] = field(default_factory=list)

    async def answer(self, request: web.Request) -> web.Response:
        texts = (await request.json())["input"]
        self.asked += texts
        if not self.works:
            return web.Response(status=500)
        data = [{"index": i, "embedding": [1.0, 2.0, 3.0]} for i in range(len(texts))]
        return web.json_response({"data": data})


@pytest.fixture
async def endpoint() -> Endpoint:
    return Endpoint()


@pytest.fixture
async def embedder(endpoint: Endpoint) -> AsyncIterator[RemoteEmbedder]:
    application = web.Application()
    application.router.add_post("/{path:.*}", endpoint.answer)
    async with TestServer(application) as server:
        url = str(server.make_url("/v1/embeddings"))
        yield RemoteEmbedder(url, model="m", api_key=None, patience=QUICK)


async def ready_again(service: Service) -> None:
    async with asyncio.timeout(20):
        while not (await service.ready()).ready:  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_an_embedder_that_fails(
    sqlite_url: str, embedder: RemoteEmbedder, endpoint: Endpoint
) -> None:
    async with running(sqlite_url, embedder=embedder) as service:
        await create(service, dimension=3)
        assert (await service.ready()).checks["embedder"] == "ok"
        endpoint.works = False
        with pytest.raises(Unavailable):
            await say(service)
        ready = await service.ready()
        assert not ready.ready
        assert ready.checks["embedder"].startswith("the last call failed: ")
        assert (ready.checks["database"], ready.checks["journal"]) == ("ok", "ok")
        endpoint.works = True
        await ready_again(service)
        await say(service)


async def say(service: Service) -> None:
    await service.conversation.store(
        OWNER, session_id="s", response="words", response_embedding=None
    )


async def fill(service: Service) -> None:
    for number in range(1000):
        await store(service, f"memory {number} " + "x" * 4000)


async def test_a_disk_that_is_full(sqlite_url: str) -> None:
    async with running(sqlite_url) as service:
        await create(service)
        pages = 2**30

        def limit(connection: Connection) -> None:
            connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")

        engine = service.database.engine
        event.listen(engine.sync_engine, "begin", limit)
        async with engine.connect() as connection:
            pages = (await connection.exec_driver_sql("PRAGMA page_count")).scalar_one()
        with pytest.raises(Unavailable):
            await fill(service)
        ready = await service.ready()
        assert not ready.ready
        unwritten = "storage cannot commit: nothing was written"
        assert ready.checks["journal"] == f"the last commit failed: {unwritten}"
        assert ready.checks["database"] == "ok"
        await asyncio.sleep(0.3)  # probes need room too
        assert not (await service.ready()).ready
        pages = 2**30
        await ready_again(service)
        await store(service, "and one more")


async def test_a_start_on_a_full_disk_is_not_ready(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(sqlite_url):
        pass
    with monkeypatch.context() as patched:
        patched.setattr(
            "semvec.store.sqlite.PRAGMAS", ("PRAGMA busy_timeout = 50", "PRAGMA max_page_count = 1")
        )
        service = running(sqlite_url)
        started = await service.__aenter__()
        assert not (await started.ready()).ready
    await service.__aexit__(None, None, None)
