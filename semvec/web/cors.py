"""CORS: let pages of configured origins use this server."""

from collections.abc import Iterable

import aiohttp_cors
from aiohttp import hdrs, web

CORS_METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE")
EXPOSED = (
    "X-Request-ID",
    "X-Next-Cursor",
    "X-Total-Estimate",
    "Link",
    "Retry-After",
    "RateLimit",
    "RateLimit-Policy",
    "X-RateLimit-Limit",
    "X-RateLimit-Remaining",
    "X-RateLimit-Reset",
    "Idempotency-Replayed",
)
PREFLIGHT_LASTS_S = 3600


def allow_origins(app: web.Application, origins: Iterable[str]) -> None:
    """Allow the origins on every route; `*` allows any.

    Credentials are never allowed: a page sends its token in a header that it sets itself.
    """
    options = aiohttp_cors.ResourceOptions(
        expose_headers=EXPOSED,
        allow_headers="*",
        allow_methods=CORS_METHODS,
        max_age=PREFLIGHT_LASTS_S,
    )
    cors = aiohttp_cors.setup(app, defaults=dict.fromkeys(origins, options))
    for resource in [*app.router.resources()]:
        cors.add(resource)
    app.on_response_prepare.append(_vary)


async def _vary(request: web.Request, response: web.StreamResponse) -> None:
    response.headers.add(hdrs.VARY, hdrs.ORIGIN)
