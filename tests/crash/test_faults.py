"""Promise 2: storage that fails never makes the server lie, and never stops it for good."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count

import pytest
from aiohttp.test_utils import TestServer

from semvec.cache.cached_session import rebuild
from semvec.service import Service
from semvec.session.text_normalise import content_hash
from semvec.settings import Settings
from semvec.store import StoredSession
from semvec.web import create_app
from semvec.web.keys import SERVICE
from tests.crash.writers import Held, Writer
from tests.servers import Client
from tests.services import embedding
from tests.store.faults import Fault, Faults

OWNER = "anonymous"
FULL = 90
"""Memories with which a session has an archive, and every further one moves another there."""
ENTITIES = "/v1/session/full/entities"


@asynccontextmanager
async def served(url: str) -> AsyncIterator[tuple[Service, Client]]:
    """The application in this process, where its storage can be made to fail."""
    settings = Settings(
        database_url=url,
        embedder="none",
        allow_anonymous=True,
        rate_limit=False,
        memory_bytes=1 << 30,
        session_idle_ttl_s=1e-6,
        session_sweep_s=3600,
    )
    app = create_app(settings)
    async with TestServer(app) as server, Client(str(server.make_url(""))) as client:
        await app[SERVICE].database.committing.close()  # its probes would be among the calls
        yield app[SERVICE], client


class Script(Writer):
    """A fixed run of operations; what is refused is looked into, then asked for again."""

    def __init__(self, service: Service, client: Client) -> None:
        super().__init__("script", random.Random())
        self._service, self._client = service, client
        self._rounds = count()
        self._kept = ""

    async def prepare(self) -> None:
        """A session that has outgrown its hot memories."""
        self.states = {"full": {None}}
        await self.do("create", "full")
        for _ in range(FULL):
            await self.do("store", "full")

    async def run(self) -> None:
        young = f"young-{next(self._rounds)}"
        self.states[young] = {None}
        await self.do("create", young)
        await self.do("ask", young)
        await self.do("run", young)
        await self.do("store", young)
        await self.recall(young)
        await self.evict()
        await self.do("run", young)
        await self.do("store", "full")
        await self.recall("full", self.held("full").learnt[0])
        await self.do("run", "full")
        await self.put("full")
        await self.evict()
        for session_id in set(self.states) - {"full", young}:
            await self.do("delete", session_id)
        (entity,) = (await self.read(self._client, ENTITIES)).json()["entities"]
        assert entity["value"] == self._kept

    async def look_again(self) -> None:
        """Without faults: what was answered is what serves, and what storage gives."""
        await self.check(self._client)
        for session_id, (state,) in list(self.states.items()):
            stored = await self._service.database.load(OWNER, session_id)
            assert (state is None) == (stored is None)
            if state is None or stored is None:
                del self.states[session_id]
            else:
                await self._compare(session_id, len(state.learnt), stored)

    async def put(self, session_id: str) -> None:
        """An entity, stored again after a 503: twice is the same as once."""
        value = f"value {next(self._numbers)}"
        fields = {"key": "key", "kind": "constant", "value": value}
        answer = await self.read(self._client, f"/v1/session/{session_id}/entities", **fields)
        assert answer.status == 201, answer
        self._kept = value

    async def do(self, kind: str, session_id: str) -> None:
        change = self.change(kind, session_id)
        before = self.states[session_id]
        answer = await self.send(self._client, change)
        if answer.status == 503:
            await self.settle(self._client)
            if self.states[session_id] == before:
                answer = await self.send(self._client, change)
                assert answer.status == 200, (change, answer)

    async def recall(self, session_id: str, words: str | None = None) -> None:
        """By the words of a memory, of the last one if not given, and by its hash."""
        text = words or self.held(session_id).learnt[-1]
        question = {"session_id": session_id, "q": text, "q_embedding": embedding(text)}
        answer = await self.read(self._client, "/v1/state/context", **question)
        assert text in [item["text"] for item in answer.json()["context"]], answer
        path = f"/v1/session/{session_id}/memories/{content_hash(text)}"
        assert (await self.read(self._client, path)).json()["text"] == text

    async def evict(self) -> None:
        self._service.sweep()
        async with asyncio.timeout(10):
            while self._service.resident:  # noqa: ASYNC110
                await asyncio.sleep(0.001)

    async def _compare(self, session_id: str, learnt: int, stored: StoredSession) -> None:
        session = rebuild((OWNER, session_id), stored, 0.0).session
        assert session.state.interaction_count == session.total_memories == learnt
        assert stored.head.interaction_count == stored.head.total_memories == learnt
        metrics = (await self.read(self._client, f"/v1/metrics/{session_id}")).json()
        assert metrics["norm_history"] == [update.norm for update in session.state.updates]
        assert metrics["similarity_history"] == [
            update.similarity for update in session.state.updates
        ]

    def held(self, session_id: str) -> Held:
        (state,) = self.states[session_id]
        assert state is not None
        return state


@pytest.mark.timeout(300)
@pytest.mark.parametrize("fault", Fault)
async def test_promise_2_a_fault_at_every_storage_call(database_url: str, fault: Fault) -> None:
    async with served(database_url) as (service, client):
        script = Script(service, client)
        await script.prepare()
        faults = Faults(service.database.engine)
        for at in count(1):
            faults.arm(at, fault)
            await script.run()
            fired = faults.fired
            faults.arm(0, fault)
            await script.look_again()
            if not fired:
                break
        await script.check_all(client)
        assert at > 30
        assert script.unavailable > 5
