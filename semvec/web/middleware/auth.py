"""Who may ask: a licence token on every request but those to public routes."""

import base64
from collections.abc import Callable
from functools import lru_cache

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler, Middleware
from multidict import istr

from semvec.errors import LicenseExpired, Unauthorized
from semvec.licensing.token import ANONYMOUS, Caller
from semvec.licensing.verifier import Verifier
from semvec.web.endpoint import Endpoint
from semvec.web.keys import CALLER

BEARER = 'Bearer realm="semvec"'
OPERATOR = 'Basic realm="semvec operator", charset="UTF-8"'

API_KEY = istr("X-API-Key")

PUBLIC = frozenset({"/metrics", "/v1/health", "/v1/livez", "/v1/readyz"})
"""Path templates that answer without a token, below whatever prefix the app is mounted."""

OPERATED = frozenset({"/metrics"})
"""Those of them that ask for the operator's name and password."""

BROWSED = frozenset({"/docs", "/docs/{file}", "/redoc", "/openapi.json"})
"""Where a browser may send the token as the password it has asked for."""


def authenticate(
    verifier: Verifier | None,
    allow_anonymous: bool,
    on_refusal: Callable[[web.Request], None] = lambda _: None,
) -> Middleware:
    """Names the caller of each request in `request[CALLER]`; raises Unauthorized or LicenseExpired.

    Without a verifier every caller is anonymous. `on_refusal` hears of each refused login.
    """

    @web.middleware
    async def named(request: web.Request, handler: Handler) -> web.StreamResponse:
        if not is_at(request, PUBLIC) and not _is_preflight(request):
            try:
                request[CALLER] = _caller(request)
            except (Unauthorized, LicenseExpired):
                on_refusal(request)
                raise
        return await handler(request)

    def _caller(request: web.Request) -> Caller:
        if verifier is None:
            return ANONYMOUS
        token = presented_token(request)
        if token is not None:
            return verifier.verify(token)
        if allow_anonymous:
            return ANONYMOUS
        raise Unauthorized("Missing license token")

    return named


def presented_token(request: web.Request) -> str | None:
    """The one token a request carries, in either header; raises Unauthorized where they differ."""
    bearers = request.headers.getall(hdrs.AUTHORIZATION, ())
    if len(bearers) == 1 and API_KEY not in request.headers:
        return _token(request, bearers[0]) or None
    tokens = {_token(request, value) for value in bearers}
    tokens |= {value.strip() for value in request.headers.getall(API_KEY, ())}
    tokens.discard("")
    if len(tokens) > 1:
        raise Unauthorized("Invalid license: two different tokens")
    return tokens.pop() if tokens else None


def challenges(request: web.Request) -> list[str]:
    """What may be sent in `Authorization`, for a client that did not."""
    if is_at(request, OPERATED):
        return [OPERATOR]
    if is_at(request, BROWSED):
        return [BEARER, 'Basic realm="semvec: any name, and a licence token as password"']
    return [BEARER]


def _token(request: web.Request, authorization: str) -> str:
    scheme, _, token = authorization.strip().partition(" ")
    if scheme.lower() == "basic" and is_at(request, BROWSED):
        return _password(token)
    if scheme and scheme.lower() != "bearer":
        raise Unauthorized("Invalid license: Authorization must be Bearer")
    return token.strip()


def _password(credentials: str) -> str:
    try:
        return base64.b64decode(credentials, validate=True).decode().partition(":")[2].strip()
    except ValueError:
        raise Unauthorized("Invalid license: malformed Basic credentials") from None


def is_at(request: web.Request, paths: frozenset[str]) -> bool:
    """Whether the request's route is one of these, below whatever prefix."""
    return _is_one(request.match_info.route, paths)


@lru_cache(maxsize=4096)
def _is_one(route: web.AbstractRoute, paths: frozenset[str]) -> bool:
    declared = getattr(route.handler, "__self__", None)
    if isinstance(declared, Endpoint):
        return declared.path in paths
    resource = route.resource
    return resource is not None and resource.canonical.rstrip("/").endswith((*paths,))


def _is_preflight(request: web.Request) -> bool:
    return (
        request.method == hdrs.METH_OPTIONS
        and hdrs.ORIGIN in request.headers
        and hdrs.ACCESS_CONTROL_REQUEST_METHOD in request.headers
    )
