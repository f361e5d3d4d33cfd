"""How the store holds its connections, and what becomes of a failing one."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Protocol, TypeVar, runtime_checkable

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from semvec.errors import ChangeOutcome, Unavailable
from semvec.request_task import uncancelled
from semvec.store.database import Database
from semvec.store.errors import LogLost, Misplaced
from semvec.store.failures import Failure, failure_of

log = logging.getLogger(__name__)

AGAIN_S = 5
"""When a client may ask again, where somebody has to put a file back."""

T = TypeVar("T")
STORAGE_ERRORS = (SQLAlchemyError, OSError)
"""All that drivers and networks raise; time-outs are OSErrors."""
UNDONE_STATES = ("40001", "40P01", "40002", "23", "53")
"""How the SQLSTATEs begin with which PostgreSQL says that a COMMIT was undone: no other tells."""
UNDONE_CODES = (5, 6, 8, 13, 19)
"""SQLITE_BUSY, _LOCKED, _READONLY, _FULL and _CONSTRAINT: nothing was committed."""
TOLD: dict[ChangeOutcome | None, str] = {
    None: "",
    "unknown": ": whether the change was made is not known",
    "not_written": ": nothing was written",
}
CONFIRM_S = 3.0
"""How long a read waits for the commit that confirms it."""


def describe(error: BaseException) -> str:
    """What went wrong in one line, without statements and parameters."""
    origin = error.orig if isinstance(error, DBAPIError) else error
    return str(origin).strip().partition("\n")[0] or type(origin).__name__


def outcome_of(error: BaseException, *, committing: bool) -> ChangeOutcome:
    """What is known of a transaction that failed, before or after its COMMIT was sent."""
    if not committing:
        return "not_written"
    origin = error.orig if isinstance(error, DBAPIError) else error
    if isinstance(origin, Misplaced):
        return "unknown" if origin.may_be_written else "not_written"
    state = getattr(origin, "sqlstate", None) or ""
    code = getattr(origin, "sqlite_errorcode", 0) & 0xFF
    undone = state.startswith(UNDONE_STATES) or code in UNDONE_CODES
    return "not_written" if undone else "unknown"


@contextlib.contextmanager
def map_storage_errors(
    verb: str, outcome: Callable[[BaseException], ChangeOutcome | None] = lambda _: None
) -> Iterator[None]:
    """What storage raises, as the Unavailable that the caller hears."""
    try:
        yield
    except STORAGE_ERRORS as error:
        raise unavailable(verb, error, outcome(error)) from error


def unavailable(verb: str, error: Exception, outcome: ChangeOutcome | None = None) -> Unavailable:
    """What the caller is told; of a file that is not in its place, what is wrong with it."""
    detail = f"storage cannot {verb}{TOLD[outcome]}"
    if isinstance(error, Misplaced):
        return Unavailable(f"{detail}: {error}", AGAIN_S, outcome=outcome)
    return Unavailable(detail, reason=describe(error), outcome=outcome)


@contextlib.asynccontextmanager
async def reading(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """A connection for several reads of one state. Raises Unavailable where there is none.

    What was read stands, however the connection ends: one that cannot be given back is closed.
    """
    with map_storage_errors("read"):
        connection = await engine.connect()
    try:
        yield connection
    finally:
        try:
            await connection.close()
        except STORAGE_ERRORS as error:
            log.debug("a connection ended while it was read from: %s", describe(error))
            await _throw_away(connection)


async def read(engine: AsyncEngine, function: Callable[[Connection], T]) -> T:
    """Run a function that only reads, again if its connection was found dead, or if another
    transaction was in the way."""
    try:
        return await _read(engine, function)
    except STORAGE_ERRORS as error:
        dead = isinstance(error, DBAPIError) and error.connection_invalidated
        if not dead and failure_of(error) is not Failure.CONFLICT:
            raise unavailable("read", error) from error
    with map_storage_errors("read"):
        return await _read(engine, function)


async def _read(engine: AsyncEngine, function: Callable[[Connection], T]) -> T:
    with uncancelled():  # it would cost the pool a connection
        async with engine.connect() as connection:
            return await connection.run_sync(function)


@runtime_checkable
class Abandoning(Protocol):
    """A driver's connection that closes rather than cancel a COMMIT."""

    abandons: bool


async def confirmed(database: Database, function: Callable[[Connection], T]) -> T:
    """What a function reads, once a commit that began later is confirmed: then all that was read
    is, too. Raises Unavailable where that takes too long.

    Both are one transaction, so that they cannot be of two servers, one promoted after the other.
    """
    try:
        async with asyncio.timeout(CONFIRM_S), database.confirming.connect() as connection:
            driver = (await connection.get_raw_connection()).driver_connection
            if not isinstance(driver, Abandoning):
                return await connection.run_sync(_confirm, function, database.trace)
            driver.abandons = False
            try:
                return await connection.run_sync(_confirm, function, database.trace)
            finally:
                driver.abandons = True
    except STORAGE_ERRORS as error:
        detail = "storage cannot confirm its last changes"
        raise Unavailable(detail, 5, reason=describe(error)) from error


def _confirm(connection: Connection, function: Callable[[Connection], T], trace: str) -> T:
    with connection.begin():
        found = function(connection)
        connection.exec_driver_sql(trace)
    return found


class Doubts:
    """Commits whose outcomes are unknown, and how many of them later commits have settled.

    A commit that began after them and is confirmed settles them: where they took effect, they come
    before it in the database's log.
    """

    def __init__(self) -> None:
        self._raised = self._settled = 0

    def __bool__(self) -> bool:
        return self._raised > self._settled

    def arise(self) -> None:
        self._raised += 1

    @contextlib.contextmanager
    def settled(self) -> Iterator[None]:
        """Settles those of before with what is confirmed within."""
        raised = self._raised
        yield
        self._settled = max(self._settled, raised)


class Commits:
    """The one connection that writes: kept while it works, thrown away when anything fails but a
    statement that is refused or conflicts. `opened` counts the connections so far."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._connection: AsyncConnection | None = None
        self._committing = False
        self.doubts = Doubts()
        self.opened = 0

    def outcome_of(self, error: BaseException) -> ChangeOutcome:
        """What is known of the transaction that has just failed."""
        return outcome_of(error, committing=self._committing)

    @property
    def committing(self) -> bool:
        """Whether the last COMMIT had begun: where it failed, nobody can tell what was written."""
        return self._committing

    async def run(self, write: Callable[[Connection], T]) -> T:
        """Run `write` in a transaction and commit it; again if its connection was found dead.

        That is safe before the commit, and only then: a transaction dies with its connection.
        """
        try:
            return await self._run(write)
        except DBAPIError as error:
            if self._committing or not error.connection_invalidated:
                raise
        return await self._run(write)

    async def _run(self, write: Callable[[Connection], T]) -> T:
        self._committing = False
        if self._connection is None:
            self._connection = await self._engine.connect()
            self.opened += 1
        try:
            with self.doubts.settled():
                return await self._connection.run_sync(self._commit, write)
        except BaseException as error:
            if self.outcome_of(error) == "unknown":
                self.doubts.arise()
            await self._end_after(error)
            raise

    async def _end_after(self, error: BaseException) -> None:
        """Throw the connection away, unless it is as good as before."""
        if isinstance(error, LogLost):
            await self._discard()
            await self._engine.dispose()
        elif isinstance(error, Misplaced):
            pass  # a file that is moved back is the one that this connection has open
        elif failure_of(error, committing=self._committing) is None:
            await self._discard()  # else it is rolled back

    def _commit(self, connection: Connection, write: Callable[[Connection], T]) -> T:
        with connection.begin():
            written = write(connection)
            self._committing = True
        return written

    async def close(self) -> None:
        if self._connection is not None:
            connection, self._connection = self._connection, None
            with contextlib.suppress(*STORAGE_ERRORS):
                await connection.close()

    async def _discard(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await _throw_away(connection)


async def _throw_away(connection: AsyncConnection) -> None:
    """Close a connection that nobody can tell the state of."""
    with contextlib.suppress(Exception):
        await connection.invalidate()
    with contextlib.suppress(Exception):
        await connection.close()
