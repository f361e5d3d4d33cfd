"""The kinds of database a URL can name."""

from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from semvec.store import postgresql, sqlite
from semvec.store.database import Database
from semvec.store.errors import StoreError


def connect(url: str, *, shared: bool | None = None, read_only: bool = False) -> Database:
    """Raises StoreError when the URL cannot be one of a database; opens nothing.

    Of a `read_only` one, `reads` and `consistent` may be used.
    """
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError) as error:
        raise StoreError(
            "DATABASE_URL is not a URL: write sqlite:///file.db or postgresql://user@host/database"
        ) from error
    match parsed.get_backend_name():
        case "sqlite":
            return sqlite.database(parsed, shared=bool(shared), read_only=read_only)
        case "postgresql" | "postgres":
            return postgresql.database(parsed, shared=shared is not False)
        case other:
            raise StoreError(
                f"DATABASE_URL names {other}: only sqlite:///… and postgresql://… are supported"
            )
