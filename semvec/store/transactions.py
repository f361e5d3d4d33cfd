"""How the store holds its connections, and what becomes of a failing one."""

import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from typing import TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from semvec.errors import Unavailable
from semvec.request_task import uncancelled
from semvec.store.errors import LogLost, Misplaced
from semvec.store.failures import Failure, failure_of

log = logging.getLogger(__name__)

AGAIN_S = 5
"""When a client may ask again, where somebody has to put a file back."""

T = TypeVar("T")
STORAGE_ERRORS = (SQLAlchemyError, OSError)
"""All that drivers and networks raise; time-outs are OSErrors."""


def cause(error: BaseException) -> str:
    """What went wrong in one line, without statements and parameters."""
    origin = error.orig if isinstance(error, DBAPIError) else error
    return str(origin).strip().partition("\n")[0] or type(origin).__name__


@contextlib.contextmanager
def refused_as(verb: str) -> Iterator[None]:
    """What storage raises, as the Unavailable that the caller hears."""
    try:
        yield
    except STORAGE_ERRORS as error:
        raise unavailable(verb, error) from error


def unavailable(verb: str, error: Exception) -> Unavailable:
    """What the caller is told; of a file that is not in its place, what is wrong with it."""
    if isinstance(error, Misplaced):
        return Unavailable(f"storage cannot {verb}: {error}", AGAIN_S)
    return Unavailable(f"storage cannot {verb}", reason=cause(error))


@contextlib.asynccontextmanager
async def reading(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """A connection for several reads of one state. Raises Unavailable where there is none.

    What was read stands, however the connection ends: one that cannot be given back is closed.
    """
    with refused_as("read"):
        connection = await engine.connect()
    try:
        yield connection
    finally:
        try:
            await connection.close()
        except STORAGE_ERRORS as error:
            log.debug("a connection ended while it was read from: %s", cause(error))
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
    with refused_as("read"):
        return await _read(engine, function)


async def _read(engine: AsyncEngine, function: Callable[[Connection], T]) -> T:
    with uncancelled():  # it would cost the pool a connection
        async with engine.connect() as connection:
            return await connection.run_sync(function)


class Commits:
    """The one connection that writes: kept while it works, thrown away when anything fails but a
    statement that is refused or conflicts."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._connection: AsyncConnection | None = None
        self._committing = False

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
        try:
            return await self._connection.run_sync(self._commit, write)
        except LogLost:
            await self._discard()
            await self._engine.dispose()
            raise
        except Misplaced:  # a file that is moved back is the one that this connection has open
            raise
        except BaseException as error:
            if self._committing or failure_of(error) is None:
                await self._discard()  # else it is rolled back, and as good as before
            raise

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
