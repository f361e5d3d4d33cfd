"""Authentication: a licence token on every request except those to public routes."""

import base64
from collections.abc import Callable

from aiohttp import hdrs
from multidict import MultiMapping, istr

from semvec.errors import LicenseExpired, Unauthorized
from semvec.licensing.token import ANONYMOUS, Caller
from semvec.licensing.verifier import Verifier
from semvec.web.keys import RequestContext
from semvec.web.middleware.route_info import RouteInfo

BEARER = 'Bearer realm="semvec"'
OPERATOR = 'Basic realm="semvec operator", charset="UTF-8"'

API_KEY = istr("X-API-Key")
USUAL = "Bearer "


class Authenticator:
    """Authenticate requests. Without a verifier every caller is anonymous. `on_refusal` receives
    the client address of each refused login."""

    def __init__(
        self,
        verifier: Verifier | None,
        allow_anonymous: bool,
        on_refusal: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._verifier = verifier
        self._allow_anonymous = allow_anonymous
        self._on_refusal = on_refusal

    def authenticate_cached(self, headers: MultiMapping[str], context: RequestContext) -> bool:
        """Return whether the request needs no further authentication: on public routes, for
        preflights, without a verifier, and with a token that was verified before. Set
        `context.caller` in the last two cases."""
        place = context.place
        if place.public:
            return not place.operated
        if place.is_options and _is_preflight(headers):
            return True
        if self._verifier is None:
            context.caller = ANONYMOUS
            return True
        sent = headers.getall(hdrs.AUTHORIZATION, ())
        if len(sent) == 1 and sent[0].startswith(USUAL) and API_KEY not in headers:
            token: str | None = sent[0].removeprefix(USUAL)  # the usual form
        else:
            try:
                token = presented_token(headers, place)
            except Unauthorized:
                return False
        context.caller = None if token is None else self._verifier.known(token)
        return context.caller is not None

    def authenticate(self, headers: MultiMapping[str], context: RequestContext) -> None:
        """Set `context.caller` of a request that `authenticate_cached` did not recognise.

        Raise Unauthorized or LicenseExpired.
        """
        if context.place.public or self._verifier is None:
            return
        try:
            context.caller = self._caller(headers, context.place, self._verifier)
        except (Unauthorized, LicenseExpired):
            self._on_refusal(context.client)
            raise

    def still_admits(self, headers: MultiMapping[str], place: RouteInfo) -> bool:
        """Return whether an admitted request would be admitted now."""
        if self._verifier is None:
            return True
        try:
            self._caller(headers, place, self._verifier)
        except (Unauthorized, LicenseExpired):
            return False
        return True

    def needs_verification(self, headers: MultiMapping[str], place: RouteInfo) -> bool:
        """Return whether authentication would verify a signature or a password, for a request that
        `authenticate_cached` did not recognise."""
        if place.operated:
            return True
        try:
            return presented_token(headers, place) is not None
        except Unauthorized:
            return False

    def _caller(self, headers: MultiMapping[str], place: RouteInfo, verifier: Verifier) -> Caller:
        token = presented_token(headers, place)
        if token is not None:
            return verifier.verify(token)
        if self._allow_anonymous:
            return ANONYMOUS
        raise Unauthorized("Missing license token")


def presented_token(headers: MultiMapping[str], place: RouteInfo) -> str | None:
    """Return the token of a request, from either header. Raise Unauthorized if they differ."""
    bearers = headers.getall(hdrs.AUTHORIZATION, ())
    tokens = {_token(value, place) for value in bearers}
    tokens |= {value.strip() for value in headers.getall(API_KEY, ())}
    tokens.discard("")
    if len(tokens) > 1:
        raise Unauthorized("Invalid license: two different tokens")
    return tokens.pop() if tokens else None


def challenges(place: RouteInfo) -> list[str]:
    """Return the `WWW-Authenticate` challenges of a route."""
    if place.operated:
        return [OPERATOR]
    if place.browsed:
        return [BEARER, 'Basic realm="semvec: any name, and a licence token as password"']
    return [BEARER]


def _token(authorization: str, place: RouteInfo) -> str:
    scheme, _, token = authorization.strip().partition(" ")
    if scheme.lower() == "basic" and place.browsed:
        return _password(token)
    if scheme and scheme.lower() != "bearer":
        raise Unauthorized("Invalid license: Authorization must be Bearer")
    return token.strip()


def _password(credentials: str) -> str:
    try:
        return base64.b64decode(credentials, validate=True).decode().partition(":")[2].strip()
    except ValueError:
        raise Unauthorized("Invalid license: malformed Basic credentials") from None


def _is_preflight(headers: MultiMapping[str]) -> bool:
    return hdrs.ORIGIN in headers and hdrs.ACCESS_CONTROL_REQUEST_METHOD in headers
