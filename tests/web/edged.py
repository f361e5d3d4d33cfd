"""Small applications behind the edge."""

from typing import Any

from aiohttp import web
from aiohttp.typedefs import Handler

from semvec.addresses import Networks
from semvec.licensing.verifier import Verifier
from semvec.limits.limiter import Limiter
from semvec.settings import Settings
from semvec.telemetry.factory import open_telemetry
from semvec.web.body_budget import BodyBudget
from semvec.web.draining import Draining
from semvec.web.middleware.access_log import AccessLog
from semvec.web.middleware.auth import Authenticator
from semvec.web.middleware.client import proxy_header_reader
from semvec.web.middleware.request import request_middleware


def edged(
    *routes: tuple[str, str, Handler],
    verifier: Verifier | None = None,
    allow_anonymous: bool = False,
    limiter: Limiter | None = None,
    proxies: str = "127.0.0.1",
    **more: Any,
) -> web.Application:
    """Serves method, path and handler of each route. Without a verifier all are anonymous."""
    places = AccessLog(open_telemetry(Settings(memory_bytes=1)))
    around = request_middleware(
        read_hop=proxy_header_reader(Networks.parse(proxies)),
        doorman=Authenticator(verifier, allow_anonymous),
        limiter=limiter,
        places=places,
        draining=Draining(),
        bodies=BodyBudget(1 << 30),
    )
    app = web.Application(middlewares=[around], **more)
    for method, path, handler in routes:
        app.router.add_route(method, path, handler)
    places.learn(app.router)
    return app
