"""Shutdown state: while the server drains, it closes each connection after its answer."""

import asyncio

from aiohttp import web

from semvec.request_task import RequestTask

DRAIN_POLL_S = 0.01


class Draining:
    """`begun` is set when shutdown starts. `tasks` holds the tasks of requests in flight; the
    request middleware adds and removes them."""

    def __init__(self) -> None:
        self.begun = False
        self.tasks: set[RequestTask] = set()
        self._begin = asyncio.Event()

    @property
    def answering(self) -> int:
        return len(self.tasks)

    def begin(self) -> None:
        self.begun = True
        self._begin.set()

    async def until_begun(self) -> None:
        await self._begin.wait()

    async def until_idle(self) -> None:
        while self.tasks:  # noqa: ASYNC110  # polling keeps the cost per request near zero
            await asyncio.sleep(DRAIN_POLL_S)

    def stop(self) -> None:
        """Cancel all requests in flight."""
        for task in [*self.tasks]:
            task.stop()


DRAINING = web.AppKey("draining", Draining)
