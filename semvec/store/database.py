"""A database as the store uses it: engines that commit what they say."""

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncEngine


@dataclass(frozen=True, slots=True)
class Database:
    """One database and four ways to speak to it, over one pool of connections.

    `reads` runs each statement by itself; `consistent` runs all statements of a transaction on
    one state of the database; `writes` commits. `confirming` reads one state of the database and
    then commits `trace`, a statement that changes nothing but has to be made durable.
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
    """Blocking: raises StoreError where the database would have to be made first."""
    claim: Callable[[], Callable[[], None]]
    """Blocking: takes the right to use the database, and returns what gives it back."""
    check: Callable[[], object]
    """Blocking: raises Misplaced where what is committed would not be found again."""
