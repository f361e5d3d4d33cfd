"""A server on its way out: it still answers, and lets go of each connection after that."""

import asyncio

from aiohttp import web

LOOK_S = 0.01


class Draining:
    """`begun` says that the server is to stop; whoever answers a request keeps it in `answering`
    meanwhile."""

    def __init__(self) -> None:
        self.begun = False
        self.answering = 0
        self._begin = asyncio.Event()

    def begin(self) -> None:
        self.begun = True
        self._begin.set()

    async def until_begun(self) -> None:
        await self._begin.wait()

    async def until_idle(self) -> None:
        while self.answering:  # noqa: ASYNC110  # looked at, so that counting costs next to nothing
            await asyncio.sleep(LOOK_S)


DRAINING = web.AppKey("draining", Draining)
