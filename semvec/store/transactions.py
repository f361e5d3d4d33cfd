"""How the store holds its connections, and what becomes of a failing one."""

import contextlib
from collections.abc import Callable
from typing import TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from semvec.errors import Unavailable

T = TypeVar("T")
STORAGE_ERRORS = (SQLAlchemyError, OSError)
"""All that drivers and networks raise; time-outs are OSErrors."""


def cause(error: BaseException) -> str:
    """What went wrong in one line, without statements and parameters."""
    origin = error.orig if isinstance(error, DBAPIError) else error
    return str(origin).strip().partition("\n")[0] or type(origin).__name__


async def read(engine: AsyncEngine, function: Callable[[Connection], T]) -> T:
    """Run a function that only reads, again if its connection was found dead."""
    try:
        return await _read(engine, function)
    except STORAGE_ERRORS as error:
        if not (isinstance(error, DBAPIError) and error.connection_invalidated):
            raise Unavailable(f"storage cannot read: {cause(error)}") from error
    try:
        return await _read(engine, function)
    except STORAGE_ERRORS as error:
        raise Unavailable(f"storage cannot read: {cause(error)}") from error


async def _read(engine: AsyncEngine, function: Callable[[Connection], T]) -> T:
    async with engine.connect() as connection:
        return await connection.run_sync(function)


class Commits:
    """The one connection that writes: kept while it works, thrown away when anything fails."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._connection: AsyncConnection | None = None

    async def run(self, write: Callable[[Connection], T]) -> T:
        """Run `write` in a transaction and commit it."""
        if self._connection is None:
            self._connection = await self._engine.connect()
        try:
            return await self._connection.run_sync(_commit, write)
        except BaseException:
            await self._discard()
            raise

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


def _commit(connection: Connection, write: Callable[[Connection], T]) -> T:
    with connection.begin():
        return write(connection)
