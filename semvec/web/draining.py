"""A server on its way out: it still answers, and lets go of each connection after that."""

import asyncio

from aiohttp import web

from semvec.request_task import RequestTask

DRAIN_POLL_S = 0.01


class Draining:
    """`begun` says that the server is to stop. `tasks` are those of the requests that are being
    answered; what answers one adds it and takes it out."""

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
        while self.tasks:  # noqa: ASYNC110  # looked at, so that counting costs next to nothing
            await asyncio.sleep(DRAIN_POLL_S)

    def stop(self) -> None:
        """Have what is still being answered come to its end now."""
        for task in [*self.tasks]:
            task.stop()


DRAINING = web.AppKey("draining", Draining)
