"""Where the application keeps what its handlers need."""

from typing import Any

from aiohttp import web

from semvec.service import Service
from semvec.settings import Settings

SETTINGS = web.AppKey("settings", Settings)
SERVICE = web.AppKey("service", Service)
DOCUMENT = web.AppKey("document", dict[str, Any])
"""The OpenAPI document."""

REQUEST_ID = web.RequestKey("request_id", str)
