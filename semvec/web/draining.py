"""A server on its way out: it still answers, and lets go of each connection after that."""

import asyncio

from aiohttp import web
from aiohttp.typedefs import Handler

DRAINING = web.AppKey("draining", asyncio.Event)
"""Set once the server is to stop; on the app that is served, not on one mounted below it."""


def is_draining(request: web.Request) -> bool:
    draining = request.config_dict.get(DRAINING)
    return draining is not None and draining.is_set()


@web.middleware
async def let_go(request: web.Request, handler: Handler) -> web.StreamResponse:
    response = await handler(request)
    if is_draining(request):
        response.force_close()
    return response
