"""Read-only inspection of a database in any condition."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from alembic.runtime.migration import MigrationContext
from sqlalchemy import BigInteger, Connection, bindparam, func, select, union

from semvec.store import migrate, reads
from semvec.store.connect import connect
from semvec.store.database import Database
from semvec.store.errors import StoreError
from semvec.store.records import Head, MemoryRow, StoredSession
from semvec.store.tables import (
    content_key,
    events,
    imports,
    memories,
    orphans,
    pieces,
    sessions,
    snapshots,
)
from semvec.store.transactions import STORAGE_ERRORS, describe

T = TypeVar("T")

PAGE = 256
AT = bindparam("key", type_=BigInteger)
AFTER = bindparam("after", type_=BigInteger)
NAMES = (
    select(sessions.c.key, sessions.c.owner, sessions.c.session_id)
    .where(sessions.c.key > AFTER)
    .order_by(sessions.c.key)
    .limit(PAGE)
)
ROW = select(
    sessions.c.snapshot_seq,
    sessions.c.dimension,
    sessions.c.mean,
    sessions.c.phase,
    sessions.c.drift_phase,
).where(sessions.c.key == AT)
MEMORIES = (
    select(memories.c.id, memories.c.hash, memories.c.fold, memories.c.payload)
    .where(memories.c.key == reads.CONTENT, memories.c.id > AFTER)
    .order_by(memories.c.id)
    .limit(PAGE)
)
OWNED = union(select(content_key), select(-imports.c.id), select(orphans.c.content))


@dataclass(frozen=True, slots=True)
class Named:
    """A session, by its key, owner and id."""

    key: int
    owner: str
    session_id: str


@dataclass(frozen=True, slots=True)
class Outlook:
    """The state columns of a head; None if an earlier release wrote it."""

    snapshot_seq: int
    dimension: int | None
    mean: bytes | None
    phase: str | None
    drift_phase: str | None


@dataclass(frozen=True, slots=True)
class Everything:
    """All rows of one session, as of one moment."""

    stored: StoredSession
    outlook: Outlook
    memories: Sequence[MemoryRow]

    @property
    def head(self) -> Head:
        return self.stored.head


class DatabaseInspection:
    """Inspect a database, also while a server runs. Methods raise StoreError if rows cannot be
    read."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def faults_of_file(self) -> list[str]:
        """Return the results of the database's own integrity check, if it has one."""
        if self._database.engine.dialect.name != "sqlite":
            return []
        found = await self._read(lambda it: it.exec_driver_sql("PRAGMA integrity_check").all())
        return [str(text) for (text,) in found if text != "ok"]

    async def schema(self) -> tuple[str, str]:
        """Return the schema revision of the database and that of this release."""
        known = (await asyncio.to_thread(migrate.read)).scripts.get_heads()
        found = await self._read(lambda it: MigrationContext.configure(it).get_current_heads())
        return ", ".join(found) or "none", ", ".join(known)

    async def names(self) -> AsyncIterator[Named]:
        """Yield all sessions, by ascending key."""
        after, full = 0, True
        while full:
            page = await self._read(partial(_names, after=after))
            for named in page:
                yield named
                after = named.key
            full = len(page) == PAGE

    async def everything(self, named: Named) -> Everything | None:
        """Return all rows of a session, or None if it is gone by now."""
        return await self._read(lambda it: _everything(it, named))

    async def strays(self) -> list[str]:
        """Describe rows that belong to no session, import or orphan."""
        return await self._read(lambda it: list(_strays(it)))

    async def _read(self, function: Callable[[Connection], T]) -> T:
        try:
            async with self._database.consistent.connect() as connection:
                return await connection.run_sync(function)
        except STORAGE_ERRORS as error:
            raise StoreError(describe(error)) from error


@asynccontextmanager
async def inspecting(url: str) -> AsyncIterator[DatabaseInspection]:
    """Open a database for inspection. Raise StoreError if there is none."""
    database = connect(url, read_only=True)
    try:
        await asyncio.to_thread(database.find)
        yield DatabaseInspection(database)
    finally:
        await database.engine.dispose()


def _names(connection: Connection, after: int) -> list[Named]:
    return [Named(*row) for row in connection.execute(NAMES, {"after": after})]


def _everything(connection: Connection, named: Named) -> Everything | None:
    stored = reads.load(connection, named.owner, named.session_id)
    if stored is None or stored.head.key != named.key:
        return None
    row = connection.execute(ROW, {"key": named.key}).one()
    found: list[MemoryRow] = []
    after, full = -1, True
    while full:
        page = connection.execute(MEMORIES, {"key": named.key, "after": after}).all()
        found += [MemoryRow(*each) for each in page]
        after, full = (page[-1].id if page else after), len(page) == PAGE
    return Everything(stored, Outlook(*row), found)


def _strays(connection: Connection) -> Iterator[str]:
    for table in (events, snapshots, memories, pieces):
        lone = select(func.count()).select_from(table).where(table.c.key.not_in(OWNED))
        if count := connection.execute(lone).scalar_one():
            yield f"{count} rows of {table.name} belong to no session"
