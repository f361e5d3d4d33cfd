"""A service whose database is this process's memory, so that a test can live through much."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from itertools import count
from typing import Any, TypeVar

from sqlalchemy import create_engine
from sqlalchemy.pool import StaticPool

from semvec.clock import Clock
from semvec.opaque import KEY_BYTES, Opaque
from semvec.service import Service
from semvec.settings import Settings
from semvec.store import Store, StoredSession, reads
from semvec.store.batch import QueuedWrite, carry_out
from semvec.store.records import WriteOutcome
from semvec.store.revoked import Listed, changed
from semvec.store.tables import metadata, secrets

T = TypeVar("T")


class InlineStore(Store):
    """The same statements, batches and decisions, without files and threads."""

    def __init__(self) -> None:
        super().__init__("sqlite:///never-opened.db")
        engine = create_engine("sqlite://", poolclass=StaticPool)
        self._inline = engine.connect()

    async def open(self) -> None:
        metadata.create_all(self._inline)
        key = bytes(KEY_BYTES)
        self._inline.execute(secrets.insert().values(name="opaque", value=key))
        self._opaque = Opaque(key)
        self._inline.commit()
        self._writer.start()

    async def close(self) -> None:
        await self._writer.close()
        self._inline.close()
        self._inline.engine.dispose()

    async def load(self, owner: str, session_id: str) -> StoredSession | None:
        return await self._read(reads.load, owner, session_id)

    async def revoked(self, known: Listed | None) -> Listed | None:
        return await self._read(changed, known)

    async def _commit(
        self, writes: Sequence[QueuedWrite], *, hurried: bool
    ) -> Sequence[WriteOutcome]:
        with self._inline.begin():
            outcomes, self._chain = carry_out(self._inline, writes, self._chain, hurried=hurried)
        return outcomes

    async def _read(self, function: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        with self._inline.begin():
            return function(self._inline, *args, **kwargs)


@asynccontextmanager
async def inline(clock: Clock) -> AsyncIterator[Service]:
    settings = Settings(embedder="none", memory_bytes=1 << 30, max_sessions=100_000)
    ids = count(1)
    service = Service(InlineStore(), None, settings, clock, lambda: f"made-{next(ids)}")
    await service.start()
    try:
        yield service
    finally:
        await service.close()
