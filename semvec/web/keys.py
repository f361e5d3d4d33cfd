"""Where the application and its requests keep what handlers need."""

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
"""There unless nothing is limited."""
BODY_BUDGET = web.AppKey("bodies", BodyBudget)
METRICS = web.AppKey("metrics", ServerMetrics)


class RequestContext(AccessRecord, kw_only=True, gc=False):
    """What is found out about a request on its way in, and must be told on its way out.

    `place` is where it goes; `client` the address it comes from, past the proxies that are trusted;
    `caller` who asks, as authentication found out, nobody on public routes; `standing` the bucket
    that the answer tells of; `body_bytes` are counted in the budget of bodies.
    """

    place: RouteInfo
    caller: Caller | None = None
    standing: LimitDecision | None = None
    body_bytes: int = 0

    @property
    def payer(self) -> str:
        """Whose share of the budget of bodies it takes."""
        return self.client if self.caller is None else self.caller.subject


CONTEXT = web.RequestKey("context", RequestContext)

TASK = web.RequestKey("task", RequestTask)
"""There once a request has come as far as the edge."""

TRACE = web.RequestKey("trace", str)
"""The id of the trace that a request is in, where there are traces."""
