"""Every request is a span, in the trace of whoever asked."""

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware
from opentelemetry.trace import format_trace_id

from semvec.telemetry.traces import Traces, answered
from semvec.web.keys import REQUEST_ID, TRACE
from semvec.web.middleware.account import Accounts


def trace(traces: Traces, accounts: Accounts) -> Middleware:
    """Stands before what makes answers of errors."""

    @web.middleware
    async def traced(request: web.Request, handler: Handler) -> web.StreamResponse:
        mine = accounts.of(request)
        with traces.request(mine.method, mine.endpoint, request.headers) as span:
            request[TRACE] = format_trace_id(span.get_span_context().trace_id)
            response = await handler(request)
            answered(span, response.status, request[REQUEST_ID])
            return response

    return traced
