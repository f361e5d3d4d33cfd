"""Headers of every answer: request id, rate limit, and no caching."""

from aiohttp import hdrs, web
from multidict import istr

from semvec.web.keys import RequestContext
from semvec.web.middleware.request_id import REQUEST_ID_HEADER

LIMIT_POLICY = istr("RateLimit-Policy")
LEFT = istr("RateLimit")
X_LIMIT = istr("X-RateLimit-Limit")
X_REMAINING = istr("X-RateLimit-Remaining")
X_RESET = istr("X-RateLimit-Reset")

NO_STORE = "no-store"
CREDENTIALS = "Authorization, X-API-Key"
"""Headers that identify the caller; answers vary by them."""


def set_response_headers(response: web.StreamResponse, context: RequestContext) -> None:
    """Set the headers; for a streamed answer, before its first piece.

    `RateLimit-Policy` and `RateLimit` follow draft-ietf-httpapi-ratelimit-headers-11: quota `q` in
    a window of `w` seconds; `r` left, and no more than that for `t` seconds.
    """
    headers, standing = response.headers, context.standing
    headers[REQUEST_ID_HEADER] = context.request_id
    headers.setdefault(hdrs.CACHE_CONTROL, NO_STORE)
    if not context.place.public:
        headers.add(hdrs.VARY, CREDENTIALS)
    if standing is not None:
        limit, left = standing.limit, str(standing.remaining)
        headers[LIMIT_POLICY] = limit.policy
        headers[LEFT] = f'"{limit.name}";r={left};t={standing.wait_s}'
        headers[X_LIMIT] = limit.burst
        headers[X_REMAINING] = left
        headers[X_RESET] = str(standing.reset_s)
