"""The store's connections and transactions, and how it handles failures."""

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
"""Seconds after which a client may retry if an operator has to put a file back."""

T = TypeVar("T")
STORAGE_ERRORS = (SQLAlchemyError, OSError)
"""Errors of drivers and networks; time-outs are OSErrors."""
UNDONE_STATES = ("40001", "40P01", "40002", "23", "53")
"""Prefixes of the SQLSTATEs with which PostgreSQL reports that a COMMIT was undone; no other state
is certain."""
UNDONE_CODES = (5, 6, 8, 13, 19)
"""SQLITE_BUSY, _LOCKED, _READONLY, _FULL and _CONSTRAINT: nothing was committed."""
TOLD: dict[ChangeOutcome | None, str] = {
    None: "",
    "unknown": ": whether the change was made is not known",
    "not_written": ": nothing was written",
}
CONFIRM_S = 3.0
"""Seconds that a read waits for the commit that confirms it."""


def describe(error: BaseException) -> str:
    """Describe an error in one line, without statements and parameters."""
    origin = error.orig if isinstance(error, DBAPIError) else error
    return str(origin).strip().partition("\n")[0] or type(origin).__name__


def outcome_of(error: BaseException, *, committing: bool) -> ChangeOutcome:
    """Return what is known of a failed transaction; `committing` says whether COMMIT was sent."""
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
    """Raise storage errors as Unavailable."""
    try:
        yield
    except STORAGE_ERRORS as error:
        raise unavailable(verb, error, outcome(error)) from error


def unavailable(verb: str, error: Exception, outcome: ChangeOutcome | None = None) -> Unavailable:
    """Build the caller's error; for a misplaced file it says what is wrong."""
    detail = f"storage cannot {verb}{TOLD[outcome]}"
    if isinstance(error, Misplaced):
        return Unavailable(f"{detail}: {error}", AGAIN_S, outcome=outcome)
    return Unavailable(detail, reason=describe(error), outcome=outcome)


@contextlib.asynccontextmanager
async def reading(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """Open a connection for several reads of one snapshot. Raise Unavailable if there is none.

    What was read stays valid if closing the connection fails; the connection is then discarded.
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
    """Run a read-only function; run it again if its connection was dead or a transaction
    conflicted."""
    try:
        return await _read(engine, function)
    except STORAGE_ERRORS as error:
        dead = isinstance(error, DBAPIError) and error.connection_invalidated
        if not dead and failure_of(error) is not Failure.CONFLICT:
            raise unavailable("read", error) from error
    with map_storage_errors("read"):
        return await _read(engine, function)


async def _read(engine: AsyncEngine, function: Callable[[Connection], T]) -> T:
    with uncancelled():  # cancelling costs the pool a connection
        async with engine.connect() as connection:
            return await connection.run_sync(function)


@runtime_checkable
class Abandoning(Protocol):
    """A driver's connection that closes instead of cancelling a COMMIT."""

    abandons: bool


async def confirmed(database: Database, function: Callable[[Connection], T]) -> T:
    """Run a read and then confirm a commit that began later: then all that was read is confirmed
    too. Raise Unavailable if that takes too long.

    Both are one transaction, so that they cannot run on two servers, one promoted after the other.
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
    """Count commits whose outcomes are unknown, and how many of them are settled.

    A commit that began after them and is confirmed settles them: if they took effect, they come
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
        """Settle the earlier ones if the body confirms a commit."""
        raised = self._raised
        yield
        self._settled = max(self._settled, raised)


class Commits:
    """The one writing connection. It is kept while it works and after a statement that is refused
    or conflicts, and discarded on any other failure. `opened` counts the connections so far."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._connection: AsyncConnection | None = None
        self._committing = False
        self.doubts = Doubts()
        self.opened = 0

    def outcome_of(self, error: BaseException) -> ChangeOutcome:
        """Return what is known of the transaction that has just failed."""
        return outcome_of(error, committing=self._committing)

    @property
    def committing(self) -> bool:
        """Whether the last COMMIT had begun; if it failed, its outcome is unknown."""
        return self._committing

    async def run(self, write: Callable[[Connection], T]) -> T:
        """Run `write` in a transaction and commit it; run it again if its connection was dead.

        That is safe only before the COMMIT: a transaction ends with its connection.
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
        """Discard the connection, unless the error left it intact."""
        if isinstance(error, LogLost):
            await self._discard()
            await self._engine.dispose()
        elif isinstance(error, Misplaced):
            pass  # if the file is moved back, it is the one that is open here
        elif failure_of(error, committing=self._committing) is None:
            await self._discard()  # else the transaction is rolled back

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
    """Close a connection in an unknown state."""
    with contextlib.suppress(Exception):
        await connection.invalidate()
    with contextlib.suppress(Exception):
        await connection.close()
