"""The middleware of every request and answer.

It is one layer of few calls because of their cost: after a handler that leaves the processor's
caches cold, each call takes half a microsecond or more, whatever it does.
"""

import asyncio
import time

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware
from multidict import MultiMapping

from semvec.addresses import client_network
from semvec.errors import LicenseExpired, TooManyRequests, Unauthorized, Unavailable
from semvec.limits.bucket import LimitDecision
from semvec.limits.limiter import Limiter
from semvec.request_task import REQUEST_TASK, RequestTask
from semvec.web.body_budget import BodyBudget
from semvec.web.draining import Draining
from semvec.web.keys import CONTEXT, TASK, TRACE, RequestContext
from semvec.web.middleware.access_log import AccessLog
from semvec.web.middleware.auth import Authenticator
from semvec.web.middleware.client import ProxyHeaderReader, client_address
from semvec.web.middleware.errors import error_response
from semvec.web.middleware.request_id import request_id_of
from semvec.web.middleware.response_headers import set_response_headers
from semvec.web.middleware.route_info import MAX_TEMPLATE_CHARS

REFUSED_LOGINS = (Unauthorized, LicenseExpired)
STOPPED_S = 5
"""Seconds after which a client that a stopping server rejected should retry."""
ANSWERS = (web.HTTPSuccessful, web.HTTPRedirection)
"""Exceptions that are answers, not errors."""


def request_middleware(
    *,
    read_hop: ProxyHeaderReader,
    doorman: Authenticator,
    limiter: Limiter | None,
    places: AccessLog,
    draining: Draining,
    bodies: BodyBudget,
    traced: bool = False,
) -> Middleware:
    @web.middleware
    async def passed(request: web.Request, handler: Handler) -> web.StreamResponse:
        began = time.perf_counter()
        headers = request.headers
        client = client_address(request.remote, headers, read_hop)
        place = places.of(request)
        context = RequestContext(
            request_id_of(headers), place.method, place.endpoint, client, place=place
        )
        request[CONTEXT] = context
        if traced:
            context.trace = request[TRACE]
        status = MAX_TEMPLATE_CHARS
        task = request[TASK] = RequestTask()
        REQUEST_TASK.set(task)
        draining.tasks.add(task)
        try:
            try:
                if not doorman.authenticate_cached(headers, context):
                    await ask(headers, context)
                if limiter is not None and not place.unlimited:
                    network = client_network(client)
                    standing = await limiter.count_request(network, context.caller)
                    context.standing = standing
                    if standing is not None and not standing.allowed:
                        raise refusal(standing)
                response = await handler(request)
            except ANSWERS as answer:
                status = answer.status
                set_response_headers(answer, context)
                raise
            except asyncio.CancelledError:
                if not task.stopping:
                    raise
                response = error_response(cut_short(task), request)
            except Exception as error:
                response = error_response(await authenticate(error, context, limiter), request)
            status = response.status
            set_response_headers(response, context)
            if draining.begun:
                response.force_close()
            return response
        finally:
            draining.tasks.discard(task)
            if context.body_bytes:
                bodies.give_back(context.payer, context.body_bytes)
            task.end()
            places.record(context, status, time.perf_counter() - began)

    async def ask(headers: MultiMapping[str], context: RequestContext) -> None:
        """Authenticate the request. An address with too many refused logins gets 429 for tokens
        that were not verified before."""
        suspected = limiter is not None and not limiter.may_log_in(client_network(context.client))
        if limiter is not None and suspected and doorman.needs_verification(headers, context.place):
            await count_refused_login(context, limiter)
        doorman.authenticate(headers, context)

    return passed


def cut_short(task: RequestTask) -> Unavailable:
    """Return the error for a request that shutdown has cancelled."""
    task.uncancel()
    if task.has_written:
        return Unavailable(
            "the server is stopping: a part of this request may have taken effect", STOPPED_S
        )
    return Unavailable("the server is stopping: nothing was changed, try again", STOPPED_S)


async def authenticate(
    error: Exception, context: RequestContext, limiter: Limiter | None
) -> Exception:
    """Count a refused login. Return the error, or the one that counting raised."""
    if limiter is not None and isinstance(error, REFUSED_LOGINS):
        try:
            await count_refused_login(context, limiter)
        except Exception as worse:
            return worse
    return error


async def count_refused_login(context: RequestContext, limiter: Limiter) -> None:
    """Count a refused login of the client. Raise TooManyRequests past the limit."""
    standing = await limiter.count_refused_login(client_network(context.client))
    context.standing = standing
    if standing is not None and not standing.allowed:
        raise refusal(standing)


def refusal(standing: LimitDecision) -> TooManyRequests:
    limit, wait = standing.limit, standing.wait_s
    allowed = f"{limit.rate.per_second:g} a second, {limit.rate.burst} at once"
    return TooManyRequests(f"too many {limit.of} ({allowed}): try again in {wait} s", wait)
