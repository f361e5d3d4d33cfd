"""Trace every request as a span, in the trace of its caller."""

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware
from opentelemetry.trace import format_trace_id

from semvec.telemetry.traces import Traces, answered
from semvec.web.keys import CONTEXT, TRACE
from semvec.web.middleware.access_log import AccessLog


def trace(traces: Traces, places: AccessLog) -> Middleware:
    """Return the middleware; it runs outside of the one that formats errors and logs."""

    @web.middleware
    async def traced(request: web.Request, handler: Handler) -> web.StreamResponse:
        mine = places.of(request)
        with traces.request(mine.method, mine.endpoint, request.headers) as span:
            request[TRACE] = format_trace_id(span.get_span_context().trace_id)
            response = await handler(request)
            answered(span, response.status, request[CONTEXT].request_id)
            return response

    return traced
