"""Where the application and its requests keep what handlers need."""

from typing import Any

from aiohttp import web

from semvec.licensing.token import Caller
from semvec.limits.bucket import Standing
from semvec.limits.limiter import Limiter
from semvec.service import Service
from semvec.settings import Settings
from semvec.telemetry.metrics import Metrics

SETTINGS = web.AppKey("settings", Settings)
SERVICE = web.AppKey("service", Service)
DOCUMENT = web.AppKey("document", dict[str, Any])
"""The OpenAPI document."""
LIMITER = web.AppKey("limiter", Limiter)
"""There unless nothing is limited."""
METRICS = web.AppKey("metrics", Metrics)

REQUEST_ID = web.RequestKey("request_id", str)
CALLER = web.RequestKey("caller", Caller)
"""Who a request comes from, as the authentication layer found out."""
CLIENT = web.RequestKey("client", str)
"""The address a request comes from, past the proxies that are trusted."""
FAULT = web.RequestKey("fault", str)
"""What kept the server from answering as it should."""
TRACE = web.RequestKey("trace", str)
"""The id of the trace that a request is in, where there is one."""
STANDING = web.RequestKey("standing", Standing)
"""The bucket that the answer tells of; none where nothing was counted."""
