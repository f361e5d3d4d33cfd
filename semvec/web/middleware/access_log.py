"""Routes of an application, and metrics and log lines for the requests to them.

Each request is counted, timed and logged in one line.
"""

import asyncio
import time

from aiohttp import web

from semvec.telemetry.factory import Telemetry
from semvec.web.keys import RequestContext
from semvec.web.middleware.route_info import KNOWN_METHODS, OTHER, UNMATCHED, RouteInfo

FLUSH_REQUESTS = 64
"""Requests that are recorded together, unless a scrape comes first."""

FLUSH_INTERVAL_S = 0.25
"""Seconds until recorded requests are flushed if few arrive."""


class AccessLog:
    """Route information by route, independent of the prefix of the application. The log writer, if
    any, receives every request."""

    def __init__(self, telemetry: Telemetry) -> None:
        self._edge, self._tell = telemetry.metrics.edge, telemetry.tell
        telemetry.metrics.before_scrape(self.flush)
        self._noted: list[RequestContext] = []
        self._together = FLUSH_REQUESTS
        self._by_route: dict[web.AbstractRoute, RouteInfo] = {}
        self._unmatched = {
            method: RouteInfo(self._edge, method, UNMATCHED) for method in KNOWN_METHODS
        }

    def learn(self, router: web.UrlDispatcher) -> None:
        """Prepare the routes of the application; all others are unmatched."""
        for route in router.routes():
            if route.resource is not None:
                endpoint = route.resource.canonical.rstrip("/") or "/"
                self._by_route[route] = RouteInfo(self._edge, route.method, endpoint)

    def of(self, request: web.Request) -> RouteInfo:
        place = self._by_route.get(request.match_info.route)
        if place is None:
            place = self._unmatched.get(request.method, self._unmatched[OTHER])
        return place

    def record(self, context: RequestContext, status: int, took: float) -> None:
        """Record an answered request; `took` is in seconds."""
        context.at, context.status, context.took = time.time(), status, took
        self._noted.append(context)
        if len(self._noted) >= self._together:
            self.flush()
        elif len(self._noted) == 1:
            asyncio.get_running_loop().call_later(FLUSH_INTERVAL_S, self.flush)

    async def end(self, _: web.Application) -> None:
        """Flush, and from now on flush each request at once; a handler for the shutdown signal."""
        self._together = 1
        self.flush()

    def flush(self) -> None:
        """Count and log the recorded requests. A batch costs far less per request than one at a
        time between other work."""
        noted, self._noted = self._noted, []
        for context in noted:
            place = context.place
            place.statuses.get(context.status, place.other).add()
            place.durations.observe(context.took)
            if self._tell is not None:
                if context.caller is not None:
                    context.subject = context.caller.subject
                self._tell(context)
