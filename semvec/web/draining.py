"""A server on its way out: it still answers, and lets go of each connection after that."""

import asyncio

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware


class Draining:
    """Whether the server is to stop, and how many requests it is answering."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self._answering = 0
        self._idle = asyncio.Event()
        self._idle.set()

    async def until_idle(self) -> None:
        await self._idle.wait()

    def enter(self) -> None:
        """One more request is being answered."""
        self._answering += 1
        if self._answering == 1:
            self._idle.clear()

    def leave(self) -> None:
        self._answering -= 1
        if not self._answering:
            self._idle.set()


DRAINING = web.AppKey("draining", Draining)
"""On the app that is served, not on one mounted below it."""


def is_draining(request: web.Request) -> bool:
    draining = request.config_dict.get(DRAINING)
    return draining is not None and draining.begun.is_set()


def let_go(draining: Draining) -> Middleware:
    @web.middleware
    async def answered(request: web.Request, handler: Handler) -> web.StreamResponse:
        draining.enter()
        try:
            response = await handler(request)
        finally:
            draining.leave()
        if draining.begun.is_set():
            response.force_close()
        return response

    return answered
