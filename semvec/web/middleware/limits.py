"""How much a client may ask: counted around authentication, told with every answer."""

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware
from multidict import istr

from semvec.addresses import client_network
from semvec.errors import LicenseExpired, TooManyRequests, Unauthorized
from semvec.licensing.verifier import Verifier
from semvec.limits.bucket import Standing
from semvec.limits.limiter import Limiter
from semvec.web.keys import CALLER, CLIENT, STANDING
from semvec.web.middleware.auth import OPERATED, is_at, presented_token

POLICY = istr("RateLimit-Policy")
LEFT = istr("RateLimit")
X_LIMIT = istr("X-RateLimit-Limit")
X_REMAINING = istr("X-RateLimit-Remaining")
X_RESET = istr("X-RateLimit-Reset")

UNLIMITED = frozenset({"/v1/health", "/v1/livez", "/v1/readyz"})


def limit_logins(limiter: Limiter, verifier: Verifier | None) -> Middleware:
    """Stands before authentication: counts what it refuses, and keeps it from being overworked.

    An address with too many refused logins is heard again with a token that was good before: other
    clients may share the address.
    """

    @web.middleware
    async def limited(request: web.Request, handler: Handler) -> web.StreamResponse:
        client = client_network(request[CLIENT])
        if not limiter.may_log_in(client) and _takes_a_check(request):
            _tell(request, await limiter.count_refused_login(client))
        try:
            return await handler(request)
        except (Unauthorized, LicenseExpired):
            _tell(request, await limiter.count_refused_login(client))
            raise

    def _takes_a_check(request: web.Request) -> bool:
        if is_at(request, OPERATED):
            return True
        try:
            token = presented_token(request)
        except Unauthorized:
            return False
        return token is not None and verifier is not None and not verifier.knows(token)

    return limited


def limit_requests(limiter: Limiter) -> Middleware:
    """Stands behind authentication."""

    @web.middleware
    async def limited(request: web.Request, handler: Handler) -> web.StreamResponse:
        if not is_at(request, UNLIMITED):
            client = client_network(request[CLIENT])
            _tell(request, await limiter.count_request(client, request.get(CALLER)))
        return await handler(request)

    return limited


async def tell_limits(request: web.Request, response: web.StreamResponse) -> None:
    """Signal before a response is sent: where the caller stands with the limit nearest to him.

    `RateLimit-Policy` and `RateLimit` as in draft-ietf-httpapi-ratelimit-headers-11: quota `q` in
    a window of `w` seconds; `r` left, and no more than that for `t` seconds.
    """
    standing = request.get(STANDING)
    if standing is None:
        return
    limit, remaining = standing.limit, standing.remaining
    burst = limit.rate.burst
    response.headers.extend(
        (
            (POLICY, f'"{limit.name}";q={burst};w={limit.window_s}'),
            (LEFT, f'"{limit.name}";r={remaining};t={standing.wait_s}'),
            (X_LIMIT, f"{burst}"),
            (X_REMAINING, f"{remaining}"),
            (X_RESET, f"{standing.reset_s}"),
        )
    )


def _tell(request: web.Request, standing: Standing | None) -> None:
    """Raises TooManyRequests where the bucket refused."""
    if standing is None:
        return
    request[STANDING] = standing
    if not standing.allowed:
        limit, wait = standing.limit, standing.wait_s
        allowed = f"{limit.rate.per_second:g} a second, {limit.rate.burst} at once"
        raise TooManyRequests(f"too many {limit.of} ({allowed}): try again in {wait} s", wait)
