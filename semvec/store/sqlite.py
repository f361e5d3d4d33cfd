"""SQLite engines, and a connection that crosses to its thread once per statement."""

import sqlite3
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Literal, TypeVar

import aiosqlite
from sqlalchemy import URL, AsyncAdaptedQueuePool, Connection, event
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

from semvec.store.database import Database
from semvec.store.errors import Misplaced, StoreError
from semvec.store.sqlite_file import SqliteFile
from semvec.store.sqlite_lock import claim

BUSY_S = 5.0
SQLITE_POOL_SIZE = 8
WAL_BYTES = 32 * 2**20
"""Size of the log in bytes above which a commit waits for readers and truncates it. SQLite's own
checkpoints keep it near 4 MiB, unless overlapping reads block them."""
CHECKPOINT_BUSY_MS = 250

T = TypeVar("T")
PRAGMAS = (
    f"PRAGMA busy_timeout = {int(BUSY_S * 1000)}",
    "PRAGMA synchronous = FULL",
    "PRAGMA secure_delete = FAST",
    "PRAGMA wal_autocheckpoint = 1000",
)


@dataclass(frozen=True, slots=True)
class Executed:
    description: Any
    rows: list[Any]
    rowcount: int
    lastrowid: int | None


MOST_DEFERRED = 1024
"""Rows from which a batch is executed at once: preparing them keeps the event loop busy."""

NOTHING = Executed(None, [], -1, None)


@dataclass(slots=True)
class Deferred:
    """Deferred work: the BEGIN of a transaction, and statements that return nothing."""

    begin: str | None = None
    statements: list[tuple[str, Sequence[Any]]] = field(default_factory=list)
    rows: int = 0

    def run(self, connection: sqlite3.Connection) -> None:
        if self.begin:
            connection.execute(self.begin)
        for sql, parameters in self.statements:
            connection.executemany(sql, parameters).close()


def _execute(
    connection: sqlite3.Connection, deferred: Deferred, sql: str, parameters: Any
) -> Executed:
    deferred.run(connection)
    cursor = connection.cursor()
    try:
        cursor.execute(sql, parameters)
        rows = cursor.fetchall() if cursor.description else []
        return Executed(cursor.description, rows, cursor.rowcount, cursor.lastrowid)
    finally:
        cursor.close()


class SqliteCursor:
    """A cursor that holds no statement: executing returns all rows in the same crossing."""

    __slots__ = ("_connection", "_executed", "arraysize")

    def __init__(self, connection: "SqliteConnection") -> None:
        self._connection = connection
        self._executed = NOTHING
        self.arraysize = 1

    async def __aenter__(self) -> "SqliteCursor":
        return self

    async def execute(self, sql: str, parameters: Any = ()) -> "SqliteCursor":
        self._executed = await self._connection.run(sql, parameters)
        return self

    async def executemany(self, sql: str, parameters: Sequence[Any]) -> "SqliteCursor":
        await self._connection.defer(sql, parameters)
        self._executed = NOTHING
        return self

    async def fetchall(self) -> list[Any]:
        return self._executed.rows

    async def close(self) -> None:
        pass

    @property
    def description(self) -> Any:
        return self._executed.description

    @property
    def rowcount(self) -> int:
        return self._executed.rowcount

    @property
    def lastrowid(self) -> int | None:
        return self._executed.lastrowid


class SqliteConnection(aiosqlite.Connection):
    """A connection with few crossings to its thread.

    aiosqlite crosses for the cursor, the execution, the rows and the close of every statement; this
    class crosses once per statement that returns something, and once to commit. BEGIN and
    `executemany` wait for the next crossing, and so do their errors.
    """

    def __init__(self, file: SqliteFile, read_only: bool = False) -> None:
        connect = _connect_to_read if read_only else _connect
        super().__init__(partial(connect, file), iter_chunk_size=64)
        self._thread.daemon = True
        self._file = file
        self._deferred = Deferred()

    def begin(self, mode: Literal["DEFERRED", "IMMEDIATE"]) -> None:
        self._deferred = Deferred(f"BEGIN {mode}")

    async def defer(self, sql: str, parameters: Sequence[Any]) -> None:
        self._deferred.statements.append((sql, parameters))
        self._deferred.rows += len(parameters)
        if self._deferred.rows >= MOST_DEFERRED:
            await self._in_thread(partial(self._due().run, self._conn))

    def cursor(self) -> SqliteCursor:  # type: ignore[override]
        return SqliteCursor(self)

    async def run(self, sql: str, parameters: Any) -> Executed:
        return await self._in_thread(partial(_execute, self._conn, self._due(), sql, parameters))

    async def commit(self) -> None:
        deferred = self._due()
        if deferred.statements or self.in_transaction:
            await self._in_thread(partial(_commit, self._conn, deferred, self._file))

    async def rollback(self) -> None:
        self._due()
        if self.in_transaction:
            await super().rollback()

    def _due(self) -> Deferred:
        deferred, self._deferred = self._deferred, Deferred()
        return deferred

    async def _in_thread(self, function: Callable[[], T]) -> T:
        result: T = await self._execute(function)  # type: ignore[no-untyped-call]
        return result


def _commit(connection: sqlite3.Connection, deferred: Deferred, file: SqliteFile) -> None:
    """Commit. Raise Misplaced, before or after the commit, if the open file is not the one that a
    restart would find."""
    try:
        file.check()
    except OSError as error:
        connection.rollback()  # the connection stays open
        if isinstance(error, Misplaced):
            error.may_be_written = False
        raise
    try:
        deferred.run(connection)
    except BaseException:
        connection.rollback()  # a refused statement does not damage the connection
        raise
    connection.commit()
    if file.check() > WAL_BYTES:
        connection.execute(f"PRAGMA busy_timeout = {CHECKPOINT_BUSY_MS}")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        connection.execute(PRAGMAS[0])


def _connect(file: SqliteFile) -> sqlite3.Connection:
    connection = file.open("rw")
    try:
        for pragma in PRAGMAS:
            connection.execute(pragma)
        if _to_wal(connection) != "wal":
            raise sqlite3.OperationalError("its file system has no shared memory for a WAL")
        connection.execute("SELECT 1 FROM sqlite_master").fetchone()  # opens the log
        file.join(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _connect_to_read(file: SqliteFile) -> sqlite3.Connection:
    connection = file.open("ro")
    connection.execute(PRAGMAS[0])
    return connection


def _to_wal(connection: sqlite3.Connection) -> str:
    """Set WAL mode and return the mode in effect. SQLite does not wait for a process that changes
    the mode of a new database at the same time, so this retries."""
    patience = time.monotonic() + BUSY_S
    while True:
        try:
            return str(connection.execute("PRAGMA journal_mode = WAL").fetchone()[0])
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > patience:
                raise
        time.sleep(0.01)


async def _open(file: SqliteFile, read_only: bool) -> SqliteConnection:
    connection = SqliteConnection(file, read_only)
    await connection
    return connection


def _begin(connection: Connection) -> None:
    mode = connection.get_execution_options().get("sqlite_begin")
    driver = connection.connection.driver_connection
    if mode and isinstance(driver, SqliteConnection):
        driver.begin(mode)


def _find(file: SqliteFile) -> None:
    if not file.path.is_file():
        raise StoreError(f"there is no database {file.path}: is DATABASE_URL that of the server?")


def _path(url: URL) -> Path:
    name = url.database or ""
    if name in ("", ":memory:") or name.startswith("file:") or "mode" in url.query:
        raise StoreError(
            "DATABASE_URL names an in-memory SQLite database, which would forget everything at "
            "exit: name a file, as in sqlite:///semvec.db"
        )
    return Path(name)


def database(url: URL, *, shared: bool, read_only: bool = False) -> Database:
    path = _path(url)
    file = SqliteFile(str(path))
    engine = create_async_engine(
        "sqlite+aiosqlite://",
        async_creator=partial(_open, file, read_only),
        poolclass=AsyncAdaptedQueuePool,
        pool_size=SQLITE_POOL_SIZE,
        max_overflow=0,
        pool_timeout=BUSY_S,
        hide_parameters=True,
    )
    event.listen(engine.sync_engine, "begin", _begin)
    event.listen(engine.sync_engine, "checkin", partial(_close_lost, file))
    return Database(
        name=str(path),
        remedy="DATABASE_URL has to name a SQLite database, or a new file, that may be written",
        engine=engine,
        reads=engine,
        consistent=engine.execution_options(sqlite_begin="DEFERRED"),
        writes=engine.execution_options(sqlite_begin="IMMEDIATE"),
        confirming=engine.execution_options(sqlite_begin="IMMEDIATE"),
        trace="UPDATE alembic_version SET version_num = version_num",
        shared=shared,
        find=partial(_find, file),
        claim=partial(claim, file, shared),
        check=file.check,
    )


def _close_lost(file: SqliteFile, connection: object, record: ConnectionPoolEntry) -> None:
    """Close a connection that returns to the pool, if all connections have to be opened again."""
    if file.log_lost:
        record.invalidate()
