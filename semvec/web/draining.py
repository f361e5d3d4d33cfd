"""A server on its way out: it still answers, and lets go of each connection after that."""

import asyncio
import contextlib
from collections.abc import Iterator

from aiohttp import web
from aiohttp.typedefs import Handler


class Draining:
    """Whether the server is to stop, and how many requests it is answering."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self._answering = 0
        self._idle = asyncio.Event()
        self._idle.set()

    async def until_idle(self) -> None:
        await self._idle.wait()

    @contextlib.contextmanager
    def answering(self) -> Iterator[None]:
        self._answering += 1
        self._idle.clear()
        try:
            yield
        finally:
            self._answering -= 1
            if not self._answering:
                self._idle.set()


DRAINING = web.AppKey("draining", Draining)
"""On the app that is served, not on one mounted below it."""


def is_draining(request: web.Request) -> bool:
    draining = request.config_dict.get(DRAINING)
    return draining is not None and draining.begun.is_set()


@web.middleware
async def let_go(request: web.Request, handler: Handler) -> web.StreamResponse:
    with request.config_dict[DRAINING].answering():
        response = await handler(request)
    if is_draining(request):
        response.force_close()
    return response
