"""The PostgreSQL engine, with a time limit on everything that waits."""

import logging
from functools import partial
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from semvec.extras import missing
from semvec.store.database import Database
from semvec.store.errors import StoreError
from semvec.urls.database import PostgresUrl

if TYPE_CHECKING:
    from semvec.store.pooler import Route

DATABASE_CONNECT_S = 5.0
COMMAND_S = 8.0
POSTGRESQL_POOL_SIZE = 8

SERVER_SETTINGS = {
    "application_name": "semvec",
    "lock_timeout": "5s",
    "statement_timeout": "7s",
    "jit": "off",  # compiling takes longer than any statement here
    "idle_in_transaction_session_timeout": "15s",  # a dead peer must not keep its row locks
}

log = logging.getLogger(__name__)


def _connect(route: "Route", dialect: Any, *_: object) -> DBAPIConnection:
    """Connect for SQLAlchemy; behind a pooler without prepared statements."""
    from semvec.store.pooler import Pooled

    if not route.pooled:
        try:
            direct: DBAPIConnection = dialect.loaded_dbapi.connect(
                async_creator_fn=route.open_direct
            )
        except Pooled:
            route.found_pooler()
        else:
            return direct
    pooled: DBAPIConnection = dialect.loaded_dbapi.connect(
        async_creator_fn=route.open_pooled,
        prepared_statement_cache_size=0,
        prepared_statement_name_func=str,  # the empty name: each statement replaces the last one
    )
    return pooled


def _release(connection: Any, _: object) -> None:
    """End the first transaction, after SQLAlchemy has inspected a new connection."""
    from semvec.store.pooler import release

    connection.run_async(release)


def _in_transaction(route: "Route", connection: Connection) -> None:
    """Run reads behind a pooler in a transaction, so that their statements share a session."""
    if route.pooled:
        connection.execution_options(isolation_level="READ COMMITTED", postgresql_readonly=True)


def _engine(route: "Route") -> AsyncEngine:
    engine = create_async_engine(
        "postgresql+asyncpg://",
        pool_size=POSTGRESQL_POOL_SIZE,
        max_overflow=0,
        pool_timeout=DATABASE_CONNECT_S,
        hide_parameters=True,
        isolation_level="AUTOCOMMIT",
    )
    event.listen(engine.sync_engine, "do_connect", partial(_connect, route))
    event.listen(engine.sync_engine, "connect", _release)
    return engine


def _nothing() -> None:
    """Do nothing: the server has its databases, and programs share them."""


def database(url: PostgresUrl, *, shared: bool) -> Database:
    try:
        from semvec.store.pooler import Route
    except ModuleNotFoundError as error:
        raise StoreError(missing("PostgreSQL", "asyncpg", "postgres")) from error
    route = Route(url, SERVER_SETTINGS, COMMAND_S)
    engine = _engine(route)
    reads = engine.execution_options()
    event.listen(reads.sync_engine, "engine_connect", partial(_in_transaction, route))
    return Database(
        name=str(url),
        remedy="check DATABASE_URL, and that the server runs, has this database and lets this "
        "user create tables in it",
        engine=engine,
        reads=reads,
        consistent=engine.execution_options(
            isolation_level="REPEATABLE READ", postgresql_readonly=True
        ),
        writes=engine.execution_options(isolation_level="READ COMMITTED"),
        confirming=engine.execution_options(isolation_level="REPEATABLE READ"),
        trace="SELECT pg_logical_emit_message(true, 'semvec', '')",
        shared=shared,
        find=_nothing,
        claim=lambda: _nothing,
        check=_nothing,
    )
