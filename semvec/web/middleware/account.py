"""Every request is counted, timed and told of in one line of the log."""

import time
from collections.abc import Callable

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from semvec.telemetry.instruments import Counter, Histogram
from semvec.telemetry.lines import Answered
from semvec.telemetry.metrics import EdgeMetrics, Metrics
from semvec.web.keys import CALLER, CLIENT, FAULT, REQUEST_ID, TRACE

UNMATCHED = "unmatched"
"""The endpoint of all paths that have none."""

OTHER = "other"
METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", OTHER)
CUT = 499
"""The status of a request whose client left before its answer, as nginx tells it."""

STATUSES = (
    *(200, 201, 202, 204, 206, 301, 302, 303, 304, 307, 308),
    *(400, 401, 402, 403, 404, 405, 406, 408, 409, 410, 411, 412, 413, 414, 415, 416, 417),
    *(421, 422, 423, 425, 426, 428, 429, 431, 451, CUT, 500, 501, 502, 503, 504, 507),
)

Tell = Callable[[Answered], None]


class Account:
    """The metrics of the requests of one method to one endpoint."""

    __slots__ = ("durations", "endpoint", "method", "other", "statuses")

    def __init__(self, edge: EdgeMetrics, method: str, endpoint: str) -> None:
        self.method, self.endpoint = method, endpoint
        self.durations: Histogram = edge.durations.at(method, endpoint)
        self.statuses: dict[int, Counter] = {
            status: edge.requests.at(method, endpoint, str(status)) for status in STATUSES
        }
        self.other = edge.requests.at(method, endpoint, OTHER)


class Accounts:
    """One for each route there is, whatever prefix it is mounted below; `in_progress` counts the
    requests that are being answered."""

    def __init__(self, metrics: Metrics) -> None:
        self.in_progress = 0
        self._edge = metrics.edge
        metrics.show(self._edge.in_progress, lambda: self.in_progress)
        self._by_route: dict[web.AbstractRoute, Account] = {}
        self._unmatched = {method: Account(self._edge, method, UNMATCHED) for method in METHODS}

    def learn(self, router: web.UrlDispatcher) -> None:
        """Open accounts for routes; those of others are unmatched."""
        for route in router.routes():
            if route.resource is not None:
                endpoint = route.resource.canonical.rstrip("/") or "/"
                self._by_route[route] = Account(self._edge, route.method, endpoint)

    def of(self, request: web.Request) -> Account:
        account = self._by_route.get(request.match_info.route)
        if account is None:
            account = self._unmatched.get(request.method, self._unmatched[OTHER])
        return account


def account(accounts: Accounts, tell: Tell | None) -> Middleware:
    """Stands before everything else."""

    @web.middleware
    async def accounted(request: web.Request, handler: Handler) -> web.StreamResponse:
        began = time.perf_counter()
        accounts.in_progress += 1
        status = CUT
        try:
            response = await handler(request)
            status = response.status
        except web.HTTPException as error:
            status = error.status
            raise
        finally:
            accounts.in_progress -= 1
            took = time.perf_counter() - began
            mine = accounts.of(request)
            mine.statuses.get(status, mine.other).add()
            mine.durations.observe(took)
            if tell is not None:
                tell(_line(request, mine, status, took))
        return response

    return accounted


def _line(request: web.Request, mine: Account, status: int, took: float) -> Answered:
    caller = request.get(CALLER)
    return Answered(
        time.time(),
        request[REQUEST_ID],
        mine.method,
        mine.endpoint,
        status,
        took,
        request[CLIENT],
        caller and caller.subject,
        request.get(FAULT),
        request.get(TRACE),
    )
