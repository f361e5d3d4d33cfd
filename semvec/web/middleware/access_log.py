"""The places of an application, and how the requests that were there are told of.

Every request is counted, timed and told of in one line of the log.
"""

import asyncio
import time

from aiohttp import web

from semvec.telemetry.factory import Telemetry
from semvec.web.keys import RequestContext
from semvec.web.middleware.route_info import KNOWN_METHODS, OTHER, UNMATCHED, RouteInfo

FLUSH_REQUESTS = 64
"""Requests that are counted and told of together, if nobody looks before."""

FLUSH_INTERVAL_S = 0.25
"""When they are, where no more come."""


class AccessLog:
    """One for each route there is, whatever prefix it is mounted below. What tells lines of the log
    hears of every request."""

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
        """Make places of routes; those of others are unmatched."""
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
        """A request has its answer, after so many seconds."""
        context.at, context.status, context.took = time.time(), status, took
        self._noted.append(context)
        if len(self._noted) >= self._together:
            self.flush()
        elif len(self._noted) == 1:
            asyncio.get_running_loop().call_later(FLUSH_INTERVAL_S, self.flush)

    async def end(self, _: web.Application) -> None:
        """Signal of the application's shutdown: leave nothing for later from now on."""
        self._together = 1
        self.flush()

    def flush(self) -> None:
        """Count and tell of what was noted since: many requests at a time, each of which takes far
        less than one that comes alone behind work of another kind."""
        noted, self._noted = self._noted, []
        for context in noted:
            place = context.place
            place.statuses.get(context.status, place.other).add()
            place.durations.observe(context.took)
            if self._tell is not None:
                if context.caller is not None:
                    context.subject = context.caller.subject
                self._tell(context)
