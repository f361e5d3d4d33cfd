"""Who a request comes from, as the authentication layer found out."""

from aiohttp import web

from semvec.licensing.token import Caller

CALLER = web.RequestKey("caller", Caller)
