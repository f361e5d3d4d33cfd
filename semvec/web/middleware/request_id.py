"""A name for every request, so that an answer can be found in the log."""

import re
import secrets

from aiohttp import web
from aiohttp.typedefs import Handler
from multidict import istr

from semvec.web.keys import REQUEST_ID

HEADER = istr("X-Request-ID")
SANE = re.compile(r"[A-Za-z0-9._-]{1,128}")


@web.middleware
async def identify(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Takes the caller's id where it is sane, makes one up otherwise, and answers with it."""
    sent = request.headers.get(HEADER)
    request_id = sent if sent and SANE.fullmatch(sent) else secrets.token_hex(8)
    request[REQUEST_ID] = request_id
    response = await handler(request)
    response.headers[HEADER] = request_id
    return response
