"""How the store holds its connections, and what becomes of a failing one."""

import contextlib
from collections.abc import Callable, Iterator
from typing import TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from semvec.errors import Unavailable
from semvec.request_task import uncancelled

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
        raise Unavailable(f"storage cannot {verb}", reason=cause(error)) from error


async def read(engine: AsyncEngine, function: Callable[[Connection], T]) -> T:
    """Run a function that only reads, again if its connection was found dead."""
    try:
        return await _read(engine, function)
    except STORAGE_ERRORS as error:
        if not (isinstance(error, DBAPIError) and error.connection_invalidated):
            raise Unavailable("storage cannot read", reason=cause(error)) from error
    with refused_as("read"):
        return await _read(engine, function)


async def _read(engine: AsyncEngine, function: Callable[[Connection], T]) -> T:
    with uncancelled():  # it would cost the pool a connection
        async with engine.connect() as connection:
            return await connection.run_sync(function)


class Commits:
    """The one connection that writes: kept while it works, thrown away when anything fails."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._connection: AsyncConnection | None = None
        self._committing = False

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
        except BaseException:
            await self._discard()
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
            with contextlib.suppress(Exception):
                await connection.invalidate()
            with contextlib.suppress(Exception):
                await connection.close()
