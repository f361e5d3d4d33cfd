"""Who may ask: a licence token on every request but those to public routes."""

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler, Middleware

from semvec.errors import Unauthorized
from semvec.licensing.token import ANONYMOUS, Caller
from semvec.licensing.verifier import Verifier
from semvec.web.keys import CALLER

PUBLIC = frozenset({"/v1/health", "/v1/livez", "/v1/readyz"})
"""Path templates that answer without a token, below whatever prefix the app is mounted."""


def authenticate(verifier: Verifier | None, allow_anonymous: bool) -> Middleware:
    """Names the caller of each request in `request[CALLER]`; raises Unauthorized or LicenseExpired.

    Without a verifier every caller is anonymous.
    """

    @web.middleware
    async def named(request: web.Request, handler: Handler) -> web.StreamResponse:
        if not _is_public(request) and not _is_preflight(request):
            request[CALLER] = _caller(request)
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
    tokens = {_bearer(value) for value in request.headers.getall(hdrs.AUTHORIZATION, ())}
    tokens |= {value.strip() for value in request.headers.getall("X-API-Key", ())}
    tokens.discard("")
    if len(tokens) > 1:
        raise Unauthorized("Invalid license: two different tokens")
    return tokens.pop() if tokens else None


def _bearer(value: str) -> str:
    scheme, _, token = value.strip().partition(" ")
    if scheme and scheme.lower() != "bearer":
        raise Unauthorized("Invalid license: Authorization must be Bearer")
    return token.strip()


def _is_public(request: web.Request) -> bool:
    resource = request.match_info.route.resource
    return resource is not None and resource.canonical.rstrip("/").endswith(tuple(PUBLIC))


def _is_preflight(request: web.Request) -> bool:
    return (
        request.method == hdrs.METH_OPTIONS
        and hdrs.ORIGIN in request.headers
        and hdrs.ACCESS_CONTROL_REQUEST_METHOD in request.headers
    )
