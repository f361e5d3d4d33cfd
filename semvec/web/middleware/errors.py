"""Convert every error to one format."""

import logging

from aiohttp import web

from semvec.errors import (
    Damaged,
    Invalid,
    SemvecError,
    StillRunning,
    TooLarge,
    TooManyRequests,
    TooSlow,
    Unauthorized,
    Unavailable,
    UnsupportedCoding,
)
from semvec.web.coding import ACCEPTED
from semvec.web.keys import CONTEXT
from semvec.web.middleware.auth import challenges
from semvec.web.reply import json_response
from semvec.web.schemas.errors import Error, FieldError, Undone, ValidationError

log = logging.getLogger(__name__)


def error_response(error: Exception, request: web.Request) -> web.Response:
    """Build the response for an error; log it unless the caller caused it."""
    context = request[CONTEXT]
    if isinstance(error, SemvecError):
        if error.status >= 500:
            context.fault = error.logged
        return _domain_error(error, request)
    if isinstance(error, web.HTTPException):
        return _http_error(error, request)
    log.error(
        "%s %s failed, request %s",
        context.method,
        context.endpoint,
        context.request_id,
        exc_info=error,
        extra={"request_id": context.request_id},
    )
    return json_response(Error("internal error", context.request_id), 500)


def _domain_error(error: SemvecError, request: web.Request) -> web.Response:
    request_id = request[CONTEXT].request_id
    response = json_response(_body(error, request_id), error.status)
    if isinstance(error, Unavailable) and error.reason:
        log.warning("%s, request %s", error, request_id)
    if isinstance(error, Damaged):
        log.error("%s, request %s", error.logged, request_id, extra={"request_id": request_id})
    match error:
        case Unauthorized():
            asked_for = challenges(request[CONTEXT].place)
            response.headers.extend([("WWW-Authenticate", one) for one in asked_for])
        case Unavailable() | TooManyRequests() | StillRunning():
            response.headers["Retry-After"] = str(error.retry_after)
        case TooLarge() | TooSlow():
            response.force_close()
        case UnsupportedCoding():
            response.headers["Accept-Encoding"] = ", ".join(ACCEPTED)
    return response


def _body(error: SemvecError, request_id: str) -> Error | Undone | ValidationError:
    if isinstance(error, Unavailable) and error.outcome is not None:
        return Undone(error.detail, request_id, error.outcome)
    if isinstance(error, Invalid):
        return ValidationError([FieldError(**fault) for fault in error.faults], request_id)
    return Error(error.detail, request_id)


def _http_error(error: web.HTTPException, request: web.Request) -> web.Response:
    response = json_response(Error(error.reason, request[CONTEXT].request_id), error.status)
    if isinstance(error, web.HTTPMethodNotAllowed):
        allowed = _methods_at(request) or error.allowed_methods
        response.headers["Allow"] = ", ".join(sorted(allowed))
    return response


def _methods_at(request: web.Request) -> set[str]:
    """Return the methods of routes with exactly this path: `/session/create` also matches
    `/session/{session_id}`."""
    path = request.path.rstrip("/")
    return {
        route.method
        for route in request.app.router.routes()
        if route.resource is not None and route.resource.canonical.rstrip("/") == path
    }
