"""asyncpg connections that never cancel a COMMIT, and tell when one was not confirmed.

A COMMIT that waits for a synchronous standby cannot be undone any more. Where it is cancelled, the
server stops waiting, shows the change to everybody and answers as if all was well, but for a
warning; a failover may take the change away again. Where its connection is just closed, the server
goes on waiting, and nobody sees the change before a standby has it.
"""

import asyncio
from typing import Any

import asyncpg

COMMIT_S = 7.0
"""How long a COMMIT may take, less than a statement."""
NEVER_S = 3600.0


class Unconfirmed(OSError):
    """The server has committed, but not on its standbys, or does not say."""


class CarefulConnection(asyncpg.Connection):  # type: ignore[misc]
    """`abandons` says what becomes of a COMMIT that takes too long: its connection is closed, or,
    where it has changed nothing, it is cancelled like any other statement."""

    __slots__ = ("abandons",)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.abandons = True

    async def execute(
        self,
        query: str,
        *args: Any,
        timeout: float | None = None,  # noqa: ASYNC109 as the driver has it
    ) -> str:
        if not query.startswith("COMMIT"):
            return str(await super().execute(query, *args, timeout=timeout))
        warnings: list[str] = []

        def heard(_: object, message: asyncpg.PostgresLogMessage) -> None:
            if message.severity_en == "WARNING":
                warnings.append(str(message.message))

        self.add_log_listener(heard)
        try:
            status: str = await (self._commit(query) if self.abandons else super().execute(query))
        finally:
            if not self.is_closed():
                self.remove_log_listener(heard)
        if warnings:
            raise Unconfirmed(warnings[0])
        return status

    async def _commit(self, query: str) -> str:
        running = asyncio.ensure_future(super().execute(query, timeout=NEVER_S))
        try:
            await asyncio.wait([running], timeout=COMMIT_S)  # which cancels nothing
        finally:
            if not running.done():
                running.add_done_callback(asyncio.Future.exception)
                self.terminate()
        if not running.done():
            raise Unconfirmed(f"no answer to COMMIT in {COMMIT_S:.0f} s")
        return str(running.result())
