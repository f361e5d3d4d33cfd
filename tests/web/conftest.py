"""The whole application on a port, over a service that keeps what it was asked."""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import asdict, dataclass, replace
from tempfile import TemporaryFile
from typing import Any, BinaryIO, cast

import pytest
from aiohttp.test_utils import TestClient, TestServer
from aiohttp.web import Application, AppRunner, Request

from semvec import answers
from semvec.audit import AuditEvent
from semvec.errors import Conflict, NotFound
from semvec.intake import NewSession
from semvec.paging import Excerpt, Page
from semvec.service import IdempotentRequest, Service, StoredResponse
from semvec.service.event_feed import EventFeed, Notifier
from semvec.session.verify import Check
from semvec.settings import Settings
from semvec.store import AuditEntry
from semvec.web.app import assemble
from semvec.web.connection import HttpConnection
from semvec.web.connection_limiter import ConnectionLimiter

Client = TestClient[Request, Application]
Serve = Callable[[Application], Awaitable[Client]]


class Refusing:
    """A part of the service that does nothing it is asked."""

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def refuse(*given: Any, **more: Any) -> Any:
            raise Conflict(f"{name} is not for these tests")

        return refuse


class RecordingService:
    """Stands in for the service: answers from one session, `known`, and keeps every call."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.failure: BaseException | None = None
        self.is_ready = True
        self.running = False
        self.resident = 3
        self.clock = time.time
        self.document = b'{"session_id":"s"}'
        self.files: list[BinaryIO] = []
        self.sessions = self.conversation = self.recall = self.control = self.literals = self
        self.transfers = self.verification = self.repeats = self.trail = self.audit = self
        self.network = self.users = self
        self.sampling, self.observer = self, RecordingObserver(self)
        self.clusters = self.regions = Refusing()

    @property
    def last_call(self) -> dict[str, Any]:
        return self.calls[-1][1]

    async def start(self) -> None:
        self.running = True

    def end(self) -> None:
        """Nobody follows anything."""

    async def close(self) -> None:
        self.running = False

    async def ready(self) -> answers.Ready:
        return answers.Ready(self.is_ready, {"database": "ok" if self.is_ready else "gone"})

    async def run(self, owner: str, **given: Any) -> answers.Run:
        self._note("run", given | {"owner": owner})
        return answers.Run(
            session_id=given["session_id"] or "made-up",
            context="# 0 turns",
            top_similarity=0.0,
            short_circuit=False,
            drift_score=0.25,
            drift_detected=False,
            drift_phase="stable",
            learned=given["learn"],
            withheld_by=None,
        )

    async def store(self, owner: str, **given: Any) -> answers.Stored:
        self._note("store", given | {"owner": owner})
        return answers.Stored(given["session_id"], True, None, "ab12", 0.0, False, "stable")

    async def create(
        self, owner: str, session_id: str | None, wanted: NewSession
    ) -> answers.Created:
        self._note("create", asdict(wanted) | {"owner": owner, "session_id": session_id})
        return answers.Created(session_id or "made-up", True)

    async def delete(self, owner: str, session_id: str) -> answers.ClosedSession:
        self._note("delete", {"owner": owner, "session_id": session_id})
        return answers.ClosedSession(session_id)

    async def page(
        self, owner: str, *, limit: int, cursor: str | None
    ) -> Page[answers.SessionItem]:
        self._note("sessions", {"owner": owner, "limit": limit, "cursor": cursor})
        first = int(cursor or 0)
        items = [answers.SessionItem(f"s{n}", 1.5, 2.5, n, n, True) for n in range(5)]
        following = str(first + limit) if first + limit < len(items) else None
        return Page(items[first : first + limit], following, len(items))

    async def metrics(self, owner: str, session_id: str) -> answers.Metrics:
        self._note("metrics", {"owner": owner, "session_id": session_id})
        return answers.Metrics(
            session_id, "initialization", 1, 1, [1.0], [0.0], [0.0], [1.0], ["initialization"], []
        )

    async def context(self, owner: str, **given: Any) -> answers.Context:
        self._note("context", given | {"owner": owner})
        item = answers.ContextItem("We met in Oslo.", 0.75, "ab12", False)
        return answers.Context(given["session_id"], [item])

    async def memory(self, owner: str, session_id: str, memory_hash: str) -> answers.ExpandedMemory:
        self._note("memory", {"owner": owner, "session_id": session_id, "hash": memory_hash})
        return answers.ExpandedMemory(session_id, memory_hash, "Oslo.", False, 0.5, 2, 3.5)

    async def set_trigger(self, owner: str, session_id: str, **given: Any) -> answers.Triggers:
        self._note("set_trigger", given | {"owner": owner, "session_id": session_id})
        return answers.Triggers(session_id, 3)

    async def clear_triggers(self, owner: str, session_id: str) -> answers.Triggers:
        self._note("clear_triggers", {"owner": owner, "session_id": session_id})
        return answers.Triggers(session_id, 0)

    async def set_anchor(
        self, owner: str, session_id: str, embedding: list[float]
    ) -> answers.Anchors:
        given = {"owner": owner, "session_id": session_id, "embedding": embedding}
        self._note("set_anchor", given)
        return answers.Anchors(session_id, 2)

    async def anchor_score(self, owner: str, session_id: str) -> answers.AnchorScore:
        self._note("anchor_score", {"owner": owner, "session_id": session_id})
        return answers.AnchorScore(session_id, 0.25, 2, 0.5, 4)

    async def isolate(self, owner: str, session_id: str, **given: Any) -> answers.Isolated:
        self._note("isolate", given | {"owner": owner, "session_id": session_id})
        return answers.Isolated(session_id, given["level"].value, 7)

    async def release(self, owner: str, session_id: str) -> answers.Released:
        self._note("release", {"owner": owner, "session_id": session_id})
        return answers.Released(session_id, 7)

    async def inject(self, owner: str, session_id: str, **given: Any) -> answers.Injected:
        self._note("inject", given | {"owner": owner, "session_id": session_id})
        return answers.Injected(session_id, "long_term", 5, True, None, "ab12")

    async def put(self, owner: str, session_id: str, **given: Any) -> answers.EntityStored:
        self._note("put", given | {"owner": owner, "session_id": session_id})
        return answers.EntityStored(session_id, given["key"], 9)

    async def find(self, owner: str, session_id: str, **given: Any) -> Excerpt[answers.Entities]:
        self._note("find", given | {"owner": owner, "session_id": session_id})
        item = answers.EntityItem("a/b.py", "path", "x = 1", "", 1.0, 2)
        return Excerpt(answers.Entities(session_id, [item], 6), "next", 6)

    async def remove(self, owner: str, session_id: str, key: str) -> answers.EntityRemoved:
        self._note("remove", {"owner": owner, "session_id": session_id, "key": key})
        return answers.EntityRemoved(session_id, key, True)

    async def export(self, owner: str, session_id: str) -> BinaryIO:
        self._note("export", {"owner": owner, "session_id": session_id})
        file = await asyncio.to_thread(TemporaryFile)
        await asyncio.to_thread(file.write, self.document)
        await asyncio.to_thread(file.seek, 0)
        self.files.append(file)
        return file

    async def find_export(self, owner: str, session_id: str) -> None:
        self._note("find", {"owner": owner, "session_id": session_id})

    async def load(
        self, owner: str, session_id: str, receive: Callable[[BinaryIO], Awaitable[None]]
    ) -> answers.Imported:
        with TemporaryFile() as file:
            await receive(file)
            sent = os.pread(file.fileno(), 1 << 24, 0)
        self._note("load", {"owner": owner, "session_id": session_id, "sent": sent})
        return answers.Imported(session_id, imported=True)

    async def verify(
        self, owner: str, session_id: str, test_embeddings: list[list[float]]
    ) -> answers.Verified:
        given = {"owner": owner, "session_id": session_id, "test_embeddings": test_embeddings}
        self._note("verify", given)
        return answers.Verified(session_id, True, [Check("tiers", True, "as they should")])

    async def transfer(self, owner: str, **given: Any) -> answers.Transferred:
        self._note("transfer", given | {"owner": owner})
        return answers.Transferred(given["source_session_id"], given["target_session_id"], 0.25)

    async def switch(self, owner: str, user_id: str) -> answers.Switched:
        self._note("switch", {"owner": owner, "user_id": user_id})
        return answers.Switched(user_id, "default")

    async def active(self, owner: str) -> answers.ActiveUser:
        self._note("active", {"owner": owner})
        return answers.ActiveUser("default")

    async def serialize(self, owner: str, user_id: str) -> answers.SerializedUser:
        self._note("serialize", {"owner": owner, "user_id": user_id})
        session = answers.UserSession("s", 8, 1.5, 2.5, 3, 4, 0.5)
        return answers.SerializedUser(user_id, answers.UserState(True, 1.5, None, 1, [session]))

    async def propose(self, owner: str, proposer: str, target: list[float]) -> answers.Consensus:
        self._note("propose", {"owner": owner, "proposer": proposer, "target": target})
        return answers.Consensus(True, {"a": 0.75})

    async def trust(self, owner: str) -> answers.Trust:
        self._note("trust", {"owner": owner})
        return answers.Trust({"a": 0.75})

    async def sample(self, owner: str) -> answers.ObserverSample:
        self._note("sample", {"owner": owner})
        return answers.ObserverSample(1.5, 0.25, 2, 2, 3, 1, 4)

    def note(self, operation: str, given: dict[str, Any]) -> None:
        self._note(operation, given)

    async def answer(self, asked: IdempotentRequest) -> StoredResponse:
        self._note("answer", {"scope": asked.scope, "digest": await asked.digest()})
        return replace(await asked.handle(), replayed=True)

    def refused(self, address: str) -> None:
        self._note("refused", {"address": address})

    async def broke_off(self, recorded: AuditEntry, error: Exception) -> None:
        self._note("broke_off", {"recorded": recorded, "error": error})

    async def query(self, **wanted: Any) -> Page[AuditEvent]:
        self._note("query", wanted)
        event = AuditEvent(7, 1.5, "run", "session/s", 200, "r1", "ab12", "127.0.0.1", {})
        return Page([event], None, 1)

    def _note(self, operation: str, given: dict[str, Any]) -> None:
        self.calls.append((operation, given))
        if self.failure is not None:
            raise self.failure
        if given.get("session_id") == "unknown":
            raise NotFound("session not found")


class RecordingObserver:
    """The same for the observer."""

    def __init__(self, service: RecordingService) -> None:
        self._service, self.new = service, True
        self._anomaly = answers.Anomaly("systemic_drift", 1.5, {"cluster_count": 3})

    async def create(self, owner: str, **given: Any) -> tuple[answers.ObserverInfo, bool]:
        self._service.note("observe", given | {"owner": owner})
        return answers.ObserverInfo("o", 2, "m"), self.new

    async def summary(self, owner: str) -> answers.ObserverSummary:
        self._service.note("summary", {"owner": owner})
        return answers.ObserverSummary("o", 2, 3, None, 1, [self._anomaly], "m", 30.0)

    async def page(self, owner: str, *, limit: int, cursor: str | None) -> Page[answers.Anomaly]:
        self._service.note("anomalies", {"owner": owner, "limit": limit, "cursor": cursor})
        return Page([self._anomaly], "next", 4)

    async def clear(self, owner: str) -> answers.Cleared:
        self._service.note("clear", {"owner": owner})
        return answers.Cleared(4)

    async def register(self, owner: str, region_id: str) -> answers.Registered:
        self._service.note("register", {"owner": owner, "region_id": region_id})
        return answers.Registered(True)

    async def unregister(self, owner: str, region_id: str) -> answers.Unregistered:
        self._service.note("unregister", {"owner": owner, "region_id": region_id})
        return answers.Unregistered(True)

    async def follow(self, owner: str, after: int | None) -> EventFeed[answers.Anomaly]:
        """One anomaly, number 7."""
        self._service.note("follow", {"owner": owner, "after": after})

        async def read(last: int) -> list[tuple[int, answers.Anomaly]]:
            return [(7, self._anomaly)] if last < 7 else []

        return EventFeed("anomalies", after or 0, read, Notifier(shared=False))


@pytest.fixture
def settings() -> Settings:
    return Settings(allow_anonymous=True, max_body_bytes=64 * 1024, rate_limit=False)


@pytest.fixture
def service() -> RecordingService:
    return RecordingService()


@pytest.fixture
def app(settings: Settings, service: RecordingService) -> Application:
    return assemble(settings, cast(Service, service), None)


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    """Puts an application on a port and hands out a client of it."""
    clients: list[Client] = []

    async def start(app: Application) -> Client:
        clients.append(TestClient(TestServer(app)))
        await clients[-1].start_server()
        return clients[-1]

    yield start
    for client in clients:
        await client.close()


@pytest.fixture
async def client(app: Application, serve: Serve) -> Client:
    return await serve(app)


@dataclass(frozen=True, slots=True)
class Address:
    host: str
    port: int


@pytest.fixture
async def served(app: Application) -> AsyncIterator[Address]:
    """The application behind connections as `semvec serve` makes them."""
    runner = AppRunner(app)
    await runner.setup()
    assert runner.server
    connection = HttpConnection.factory(runner.server, 5.0, ConnectionLimiter(100))
    server = await asyncio.get_running_loop().create_server(connection, "127.0.0.1", 0)
    yield Address(*server.sockets[0].getsockname())
    server.close()
    await runner.cleanup()


async def exchange(client: Client | Address, *parts: bytes) -> bytes:
    """All that comes back for `parts` until the server closes or says no more for a moment."""
    reader, writer = await asyncio.open_connection(client.host, client.port)
    for part in parts:
        writer.write(part)
        await writer.drain()
    received = b""
    try:
        async with asyncio.timeout(0.5):
            while chunk := await reader.read(65536):
                received += chunk
    except TimeoutError:
        pass
    writer.close()
    return received
