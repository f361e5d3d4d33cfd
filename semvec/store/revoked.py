"""The list of revoked tokens, which operators write while servers run.

Writing it takes no lock on the database: that lock is for servers, which cache sessions, and no
session depends on this table. SQLite lets one writer work at a time, for milliseconds each.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from sqlalchemy import Connection, func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError

from semvec.store.connect import connect
from semvec.store.database import Database
from semvec.store.errors import StoreError
from semvec.store.tables import revoked_tokens
from semvec.store.transactions import STORAGE_ERRORS, describe

T = TypeVar("T")

ADD_REVOKED = {
    "sqlite": sqlite.insert(revoked_tokens).on_conflict_do_nothing(),
    "postgresql": postgresql.insert(revoked_tokens).on_conflict_do_nothing(),
}
SUMS = select(
    func.count(), func.max(revoked_tokens.c.revoked_at), func.sum(revoked_tokens.c.revoked_at)
)
SELECT_REVOKED = select(revoked_tokens.c.jti, revoked_tokens.c.revoked_at).order_by(
    revoked_tokens.c.revoked_at, revoked_tokens.c.jti
)


def revoke(url: str, jti: str, at: float) -> bool:
    """Revoke a token; return False if it was revoked already. Blocking; raise StoreError."""
    return asyncio.run(_run(connect(url), lambda connection: add(connection, jti, at)))


def list_revoked(url: str) -> list[tuple[str, float]]:
    """Return each revoked token with its time, oldest first. Blocking; raise StoreError."""
    return asyncio.run(_run(connect(url), everything))


def add(connection: Connection, jti: str, at: float) -> bool:
    statement = ADD_REVOKED[connection.dialect.name].values(jti=jti, revoked_at=at)
    return connection.execute(statement).rowcount == 1


def everything(connection: Connection) -> list[tuple[str, float]]:
    return [(jti, at) for jti, at in connection.execute(SELECT_REVOKED)]


@dataclass(frozen=True, slots=True)
class Listed:
    """All ids of the list. The `sums` differ from those of another list, also of an older
    database."""

    ids: frozenset[str]
    sums: tuple[int, float | None, float | None]


def changed(connection: Connection, known: Listed | None) -> Listed | None:
    """Return the list, or None if it equals `known`."""
    count, newest, total = connection.execute(SUMS).one()
    sums = count, newest, total
    if known is not None and known.sums == sums:
        return None
    return Listed(frozenset(jti for jti, _ in everything(connection)), sums)


async def _run(database: Database, function: Callable[[Connection], T]) -> T:
    await asyncio.to_thread(database.find)
    try:
        async with database.writes.begin() as connection:
            return await connection.run_sync(function)
    except STORAGE_ERRORS as error:
        reason = describe(error)
        if isinstance(error, DBAPIError) and revoked_tokens.name in reason:
            reason = "no server of this release has opened it yet; start one first"
        raise StoreError(f"cannot use the database {database.name}: {reason}") from error
    finally:
        await database.engine.dispose()
