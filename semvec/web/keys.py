"""Where the application and its requests keep what handlers need."""

from typing import Any

from aiohttp import web

from semvec.licensing.token import Caller
from semvec.service import Service
from semvec.settings import Settings

SETTINGS = web.AppKey("settings", Settings)
SERVICE = web.AppKey("service", Service)
DOCUMENT = web.AppKey("document", dict[str, Any])
"""The OpenAPI document."""

REQUEST_ID = web.RequestKey("request_id", str)
CALLER = web.RequestKey("caller", Caller)
"""Who a request comes from, as the authentication layer found out."""
