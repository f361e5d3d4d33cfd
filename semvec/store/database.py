"""The database interface of the store."""

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncEngine


@dataclass(frozen=True, slots=True)
class Database:
    """One database and four ways to use its connection pool.

    `reads` runs each statement by itself; `consistent` runs all statements of a transaction on one
    snapshot of the database; `writes` commits. `confirming` reads one snapshot and then commits
    `trace`, a statement that changes no data but has to be made durable.
    """

    name: str
    remedy: str
    engine: AsyncEngine
    reads: AsyncEngine
    consistent: AsyncEngine
    writes: AsyncEngine
    confirming: AsyncEngine
    trace: str
    shared: bool
    find: Callable[[], None]
    """Blocking: raise StoreError if the database does not exist yet."""
    claim: Callable[[], Callable[[], None]]
    """Blocking: acquire the lock on the database; return the function that releases it."""
    check: Callable[[], object]
    """Blocking: raise Misplaced if a restart would not find what is committed now."""
