"""Where the application and its requests keep what handlers need."""

from typing import Any

from aiohttp import web

from semvec.licensing.token import Caller
from semvec.limits.bucket import Standing
from semvec.limits.limiter import Limiter
from semvec.service import Service
from semvec.settings import Settings

SETTINGS = web.AppKey("settings", Settings)
SERVICE = web.AppKey("service", Service)
DOCUMENT = web.AppKey("document", dict[str, Any])
"""The OpenAPI document."""
LIMITER = web.AppKey("limiter", Limiter)
"""There unless nothing is limited."""

REQUEST_ID = web.RequestKey("request_id", str)
CALLER = web.RequestKey("caller", Caller)
"""Who a request comes from, as the authentication layer found out."""
CLIENT = web.RequestKey("client", str)
"""The address a request comes from, past the proxies that are trusted."""
STANDING = web.RequestKey("standing", Standing)
"""The bucket that the answer tells of; none where nothing was counted."""
