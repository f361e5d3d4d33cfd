"""Choose the database backend by URL."""

import logging

from sqlalchemy import URL

from semvec.store import postgresql, sqlite
from semvec.store.database import Database
from semvec.store.errors import StoreError
from semvec.urls.database import SqliteUrl, read_database_url

log = logging.getLogger(__name__)


def connect(url: str, *, shared: bool | None = None, read_only: bool = False) -> Database:
    """Return the database of a URL without opening it. Raise StoreError for an invalid URL.

    With `read_only`, only `reads` and `consistent` may be used.
    """
    try:
        read = read_database_url(url)
    except ValueError as error:
        raise StoreError(f"DATABASE_URL: {error}") from error
    for warning in read.warnings:
        log.warning("%s", warning)
    if isinstance(read, SqliteUrl):
        return sqlite.database(
            URL.create("sqlite", database=read.path), shared=bool(shared), read_only=read_only
        )
    return postgresql.database(read, shared=shared is not False)
