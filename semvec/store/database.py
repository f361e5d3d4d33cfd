"""From the URL a user writes to engines that commit what they say."""

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.ext.asyncio import AsyncEngine

from semvec.store.errors import StoreError


@dataclass(frozen=True, slots=True)
class Database:
    """One database and three ways to speak to it, over one pool of connections.

    `reads` runs each statement by itself; `consistent` runs all statements of a transaction on
    one state of the database; `writes` commits.
    """

    name: str
    remedy: str
    engine: AsyncEngine
    reads: AsyncEngine
    consistent: AsyncEngine
    writes: AsyncEngine
    shared: bool
    claim: Callable[[], Callable[[], None]]
    """Blocking: takes the right to use the database, and returns what gives it back."""


def connect(url: str, *, shared: bool | None = None) -> Database:
    """Raises StoreError when the URL cannot be one of a database; opens nothing."""
    from semvec.store import postgresql, sqlite

    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError) as error:
        raise StoreError(
            "DATABASE_URL is not a URL: write sqlite:///file.db or postgresql://user@host/database"
        ) from error
    match parsed.get_backend_name():
        case "sqlite":
            return sqlite.database(parsed, shared=bool(shared))
        case "postgresql" | "postgres":
            return postgresql.database(parsed, shared=shared is not False)
        case other:
            raise StoreError(
                f"DATABASE_URL names {other}: only sqlite:///… and postgresql://… are supported"
            )
