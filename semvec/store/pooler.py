"""Connections to PostgreSQL that work the same with and without a pooler.

A pooler such as PgBouncer in transaction mode runs each transaction in any of its sessions, so a
session may hold no state: no prepared statement and no parameter. Parameters are set in the same
message as the BEGIN of a transaction, without a further round trip.
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
"""The parameter that shows whether a session keeps its parameters."""

REMOTE_APPLY = "remote_apply"
"""Stricter than `on`, and kept if the database has it. All else is raised to `on`: `off`
acknowledges a commit before it is flushed here, `local` and `remote_write` before it is flushed on
a synchronous standby. If the cluster names no such standby, `on` waits for none."""

log = logging.getLogger(__name__)


class Pooled(Exception):
    """The connection goes through a pooler that does not keep session parameters."""


class PooledConnection(CarefulConnection):
    """A connection whose transactions commit durably, whatever the session's settings are."""

    opening = ""
    """Statements sent with the BEGIN of each transaction."""
    synchronous_commit = "on"

    async def execute(
        self,
        query: str,
        *args: Any,
        timeout: float | None = None,  # noqa: ASYNC109 as the driver has it
    ) -> str:
        """Run a statement; a BEGIN is sent together with the statements that set parameters."""
        if query.startswith("BEGIN"):
            query = f"{query.rstrip('; ')}; {self.opening}"
            if "READ ONLY" not in query:
                query += f"SET LOCAL synchronous_commit TO {self.synchronous_commit};"
        return await super().execute(query, *args, timeout=timeout)


class Route:
    """How to reach one database; `pooled` is True once a pooler was detected."""

    def __init__(self, url: PostgresUrl, parameters: Mapping[str, str], command_s: float) -> None:
        """Take the parameters to set for sessions, or for transactions behind a pooler."""
        self.pooled = bool(url.pooled)
        self._detects = url.pooled is None
        self._arguments = _arguments(url) | {"command_timeout": command_s}
        self._parameters = dict(parameters) | dict(url.parameters)

    async def open_direct(self) -> PooledConnection:
        """Open a session that keeps its parameters. Raise Pooled if they are not kept."""
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
        """Open a connection inside a transaction, which `release` ends; until then it stays in one
        session."""
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
    """Evaluate a condition without a prepared statement, which a pooler may put into another
    session."""
    return await connection.execute(f"SELECT WHERE {condition}") == "SELECT 1"


def _refuses_parameters(error: BaseException | None) -> bool:
    """Whether a pooler refused the parameters. Its error may be the cause of a second failure, of
    the retry without TLS."""
    while error is not None:
        if isinstance(error, asyncpg.ProtocolViolationError) and "startup parameter" in str(error):
            return True
        error = error.__cause__
    return False


def _set_locally(parameters: Mapping[str, str]) -> str:
    """Build a statement that sets parameters until the end of the transaction."""
    settings = (
        "set_config('{}', '{}', true)".format(name, text.replace("'", "''"))
        for name, text in parameters.items()
    )
    return f"SELECT {', '.join(settings)};"


async def release(connection: PooledConnection) -> None:
    """End the transaction in which `open_pooled` opened the connection."""
    if connection.opening:
        await connection.execute("COMMIT")


def _arguments(url: PostgresUrl) -> dict[str, Any]:
    """Return the arguments of asyncpg; it takes some options only inside a URL."""
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
