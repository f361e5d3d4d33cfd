"""asyncpg connections that never cancel a COMMIT, and report a COMMIT that was not confirmed.

A COMMIT that waits for a synchronous standby cannot be undone. If it is cancelled, the server stops
waiting, makes the change visible and reports success with a warning; a failover may then lose the
change. If its connection is closed instead, the server keeps waiting, and the change stays
invisible until a standby has it.
"""

import asyncio
from typing import Any

import asyncpg

COMMIT_S = 7.0
"""Seconds that a COMMIT may take; less than the statement timeout."""
NEVER_S = 3600.0


class Unconfirmed(OSError):
    """The server has committed without its standbys, or has not answered."""


class CarefulConnection(asyncpg.Connection):  # type: ignore[misc]
    """A connection that guards COMMIT. If a COMMIT takes too long, its connection is closed; with
    `abandons` False, for transactions without changes, it is cancelled like any other statement."""

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
            await asyncio.wait([running], timeout=COMMIT_S)  # does not cancel it
        finally:
            if not running.done():
                running.add_done_callback(asyncio.Future.exception)
                self.terminate()
        if not running.done():
            raise Unconfirmed(f"no answer to COMMIT in {COMMIT_S:.0f} s")
        return str(running.result())
