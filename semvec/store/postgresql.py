"""PostgreSQL: what libpq users write in a URL, and limits on everything that waits."""

from functools import partial
from typing import Any

from sqlalchemy import URL
from sqlalchemy.ext.asyncio import create_async_engine

from semvec.store.database import Database
from semvec.store.errors import StoreError

CONNECT_S = 5.0
COMMAND_S = 8.0
POOL_SIZE = 8

SERVER_SETTINGS = {
    "application_name": "semvec",
    "lock_timeout": "5s",
    "statement_timeout": "7s",
    "jit": "off",  # compiling takes longer than any statement here
    "idle_in_transaction_session_timeout": "15s",  # a dead peer must not keep its row locks
}
LIBPQ_ONLY = (
    "channel_binding",
    "gssencmode",
    "keepalives",
    "keepalives_count",
    "keepalives_idle",
    "keepalives_interval",
    "tcp_user_timeout",
)
"""Options of libpq that asyncpg would pass on to the server, which refuses them."""


async def _open(dsn: str, connect_s: float) -> Any:
    import asyncpg

    from semvec.store.careful import CarefulConnection

    connection = await asyncpg.connect(
        dsn,
        timeout=connect_s,
        command_timeout=COMMAND_S,
        server_settings=SERVER_SETTINGS,
        connection_class=CarefulConnection,
    )
    try:
        if await connection.fetchval("SHOW synchronous_commit") == "off":
            await connection.execute("SET synchronous_commit TO on")
    except BaseException:
        connection.terminate()
        raise
    return connection


def _dsn(url: URL) -> tuple[str, float]:
    """The URL as asyncpg reads it, and the time a connection may take."""
    query = dict(url.query)
    connect_s = float(str(query.pop("connect_timeout", CONNECT_S)))
    if "ssl" in query:
        ssl = str(query.pop("ssl"))
        query.setdefault("sslmode", "require" if ssl in ("true", "1", "on") else ssl)
    for option in LIBPQ_ONLY:
        query.pop(option, None)
    plain = url.set(drivername="postgresql", query=query)
    return plain.render_as_string(hide_password=False), connect_s


def _nothing() -> None:
    """The server has its databases, and programs share them: nothing to find or to give back."""


def database(url: URL, *, shared: bool) -> Database:
    name = url.set(query={}, drivername="postgresql").render_as_string(hide_password=True)
    try:
        dsn, connect_s = _dsn(url)
        engine = create_async_engine(
            "postgresql+asyncpg://",
            async_creator=partial(_open, dsn, connect_s),
            pool_size=POOL_SIZE,
            max_overflow=0,
            pool_timeout=CONNECT_S,
            hide_parameters=True,
            isolation_level="AUTOCOMMIT",
        )
    except ModuleNotFoundError as error:
        raise StoreError(
            f"{name} needs the PostgreSQL driver: pip install 'semvec[postgres]'"
        ) from error
    except ValueError as error:
        raise StoreError(f"DATABASE_URL {name}: {error}") from error
    return Database(
        name=name,
        remedy="check DATABASE_URL, and that the server runs, has this database and lets this "
        "user create tables in it",
        engine=engine,
        reads=engine,
        consistent=engine.execution_options(
            isolation_level="REPEATABLE READ", postgresql_readonly=True
        ),
        writes=engine.execution_options(isolation_level="READ COMMITTED"),
        confirming=engine.execution_options(isolation_level="REPEATABLE READ"),
        trace="SELECT pg_logical_emit_message(true, 'semvec', '')",
        shared=shared,
        find=_nothing,
        claim=lambda: _nothing,
    )
