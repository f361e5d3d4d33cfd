"""Connections to PostgreSQL that work the same with and without a pooler between.

A pooler such as PgBouncer in transaction mode gives each transaction a session of its own choice,
so nothing may be kept in a session: no prepared statement and no parameter. What has to hold is set
together with the BEGIN of a transaction, and costs no round trip of its own.
"""

import logging
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import asyncpg

from semvec.store.commit_guard import CarefulConnection
from semvec.urls.database import PostgresUrl

DEFAULT_PORT = 5432
KEPT_BY_POOLERS = ("application_name", "options")
WITNESS = "lock_timeout"
"""The parameter whose value tells whether those of a session are kept."""

REMOTE_APPLY = "remote_apply"
"""Stricter than `on`: it is kept where the database has it. All else is raised to `on`: `off` lets
a commit be acknowledged before it is flushed here, `local` and `remote_write` before it is flushed
on a synchronous standby. Where the cluster names no such standby, `on` waits for none."""

log = logging.getLogger(__name__)


class Pooled(Exception):
    """There is a pooler between that does not keep parameters for a session."""


class PooledConnection(CarefulConnection):
    """A connection whose transactions commit durably, whatever the session is set to."""

    opening = ""
    """What each transaction begins with."""
    synchronous_commit = "on"

    async def execute(
        self,
        query: str,
        *args: Any,
        timeout: float | None = None,  # noqa: ASYNC109 as the driver has it
    ) -> str:
        """Run a statement; what sets parameters goes along with the BEGIN of a transaction."""
        if query.startswith("BEGIN"):
            query = f"{query.rstrip('; ')}; {self.opening}"
            if "READ ONLY" not in query:
                query += f"SET LOCAL synchronous_commit TO {self.synchronous_commit};"
        return await super().execute(query, *args, timeout=timeout)


class Route:
    """How to reach one database; `pooled` once it is known that a pooler is between."""

    def __init__(self, url: PostgresUrl, parameters: Mapping[str, str], command_s: float) -> None:
        """`parameters` are what sessions, or else transactions, of the server are set to."""
        self.pooled = bool(url.pooled)
        self._detects = url.pooled is None
        self._arguments = _arguments(url) | {"command_timeout": command_s}
        self._parameters = dict(parameters) | dict(url.parameters)

    async def open_direct(self) -> PooledConnection:
        """A session that keeps its parameters. Raises Pooled where they are not kept."""
        try:
            connection = await self._open(self._parameters)
        except asyncpg.PostgresError as error:
            if self._detects and _refuses_parameters(error):
                raise Pooled from error
            raise
        try:
            if self._detects and not await self._keeps_parameters(connection):
                raise Pooled
        except BaseException:
            connection.terminate()
            raise
        return connection

    async def open_pooled(self) -> PooledConnection:
        """A connection in a transaction, which `release` ends: until then its session is one."""
        kept = {name: text for name, text in self._parameters.items() if name in KEPT_BY_POOLERS}
        connection = await self._open(kept, statement_cache_size=0)
        connection.opening = _set_locally(
            {name: text for name, text in self._parameters.items() if name not in KEPT_BY_POOLERS}
        )
        try:
            await connection.execute("BEGIN")
        except BaseException:
            connection.terminate()
            raise
        return connection

    def found_pooler(self) -> None:
        self.pooled = True
        log.info(
            "the database is behind a pooler: statements are prepared for one transaction, and "
            "every read is a transaction (pgbouncer=true in DATABASE_URL says so from the start)"
        )

    async def _open(self, parameters: Mapping[str, str], **more: Any) -> PooledConnection:
        connection: PooledConnection = await asyncpg.connect(
            **self._arguments,
            **more,
            server_settings=dict(parameters),
            connection_class=PooledConnection,
        )
        try:
            if await _is_true(
                connection, f"current_setting('synchronous_commit') = '{REMOTE_APPLY}'"
            ):
                connection.synchronous_commit = REMOTE_APPLY
        except BaseException:
            connection.terminate()
            raise
        return connection

    async def _keeps_parameters(self, connection: PooledConnection) -> bool:
        wanted = self._parameters[WITNESS]
        return await _is_true(
            connection, f"current_setting('{WITNESS}')::interval = interval '{wanted}'"
        )


async def _is_true(connection: PooledConnection, condition: str) -> bool:
    """Asked without a prepared statement, which a pooler may put into another session."""
    return await connection.execute(f"SELECT WHERE {condition}") == "SELECT 1"


def _refuses_parameters(error: BaseException | None) -> bool:
    """Whether a pooler says so. It may stand behind the failure of a second try without TLS."""
    while error is not None:
        if isinstance(error, asyncpg.ProtocolViolationError) and "startup parameter" in str(error):
            return True
        error = error.__cause__
    return False


def _set_locally(parameters: Mapping[str, str]) -> str:
    """A statement that sets parameters until the end of the transaction."""
    settings = (
        "set_config('{}', '{}', true)".format(name, text.replace("'", "''"))
        for name, text in parameters.items()
    )
    return f"SELECT {', '.join(settings)};"


async def release(connection: PooledConnection) -> None:
    """End the transaction that a connection through a pooler was opened in."""
    if connection.opening:
        await connection.execute("COMMIT")


def _arguments(url: PostgresUrl) -> dict[str, Any]:
    """The URL as asyncpg takes it: some of its options only as a URL."""
    system = url.tls.get("sslrootcert") == "system"
    as_url = {**({} if system else url.tls), **url.passed_on}
    ported = any(host.port is not None for host in url.hosts)
    given = {
        "dsn": f"postgresql://?{urlencode(as_url)}" if as_url else None,
        "ssl": True if system else None,
        "host": [host.name for host in url.hosts] or None,
        "port": [host.port or DEFAULT_PORT for host in url.hosts] if ported else None,
        "user": url.user,
        "password": url.password,
        "database": url.database,
        "target_session_attrs": url.attributes,
        "timeout": url.connect_s,
    }
    return {name: value for name, value in given.items() if value is not None}
