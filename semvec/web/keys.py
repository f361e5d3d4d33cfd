"""Keys under which the application and its requests store what handlers need."""

from typing import Any

from aiohttp import web

from semvec.licensing.token import Caller
from semvec.limits.bucket import LimitDecision
from semvec.limits.limiter import Limiter
from semvec.request_task import RequestTask
from semvec.service import Service
from semvec.settings import Settings
from semvec.telemetry.lines import AccessRecord
from semvec.telemetry.metrics import ServerMetrics
from semvec.web.body_budget import BodyBudget
from semvec.web.middleware.route_info import RouteInfo

SETTINGS = web.AppKey("settings", Settings)
SERVICE = web.AppKey("service", Service)
DOCUMENT = web.AppKey("document", dict[str, Any])
"""The OpenAPI document."""
LIMITER = web.AppKey("limiter", Limiter)
"""Missing if rate limits are off."""
BODY_BUDGET = web.AppKey("bodies", BodyBudget)
METRICS = web.AppKey("metrics", ServerMetrics)


class RequestContext(AccessRecord, kw_only=True, gc=False):
    """What the middleware learns about a request.

    `place` is the route; `client` the address past the trusted proxies; `caller` the authenticated
    caller, None on public routes; `standing` the rate limit that the response headers report;
    `body_bytes` the bytes counted in the body budget.
    """

    place: RouteInfo
    caller: Caller | None = None
    standing: LimitDecision | None = None
    body_bytes: int = 0

    @property
    def payer(self) -> str:
        """The caller or address that the body budget charges."""
        return self.client if self.caller is None else self.caller.subject


CONTEXT = web.RequestKey("context", RequestContext)

TASK = web.RequestKey("task", RequestTask)
"""Set when the request enters the request middleware."""

TRACE = web.RequestKey("trace", str)
"""The id of the request's trace, if tracing is on."""
