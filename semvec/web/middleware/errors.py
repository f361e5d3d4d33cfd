"""Every error in one shape, whoever raised it."""

import logging

from aiohttp import web
from aiohttp.typedefs import Handler

from semvec.errors import (
    Invalid,
    SemvecError,
    StillRunning,
    TooLarge,
    TooManyRequests,
    TooSlow,
    Unauthorized,
    Unavailable,
)
from semvec.web.keys import FAULT, REQUEST_ID
from semvec.web.middleware.auth import challenges
from semvec.web.reply import json_response
from semvec.web.schemas.errors import Error, FieldError, ValidationError

log = logging.getLogger(__name__)


@web.middleware
async def answer_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    request_id = request[REQUEST_ID]
    try:
        return await handler(request)
    except SemvecError as error:
        if error.status >= 500:
            request[FAULT] = error.detail
        return _domain_error(error, request)
    except web.HTTPException as error:
        if error.status < 400:
            raise
        return _http_error(error, request)
    except Exception:
        log.exception(
            "%s %r failed, request %s",
            request.method,
            request.path,
            request_id,
            extra={"request_id": request_id},
        )
        return json_response(Error("internal error", request_id), 500)


def _domain_error(error: SemvecError, request: web.Request) -> web.Response:
    request_id = request[REQUEST_ID]
    response = json_response(_body(error, request_id), error.status)
    if isinstance(error, Unavailable) and error.reason:
        log.warning("%s, request %s", error, request_id)
    match error:
        case Unauthorized():
            response.headers.extend([("WWW-Authenticate", one) for one in challenges(request)])
        case Unavailable() | TooManyRequests() | StillRunning():
            response.headers["Retry-After"] = str(error.retry_after)
        case TooLarge() | TooSlow():
            response.force_close()
    return response


def _body(error: SemvecError, request_id: str) -> Error | ValidationError:
    if isinstance(error, Invalid):
        return ValidationError([FieldError(**fault) for fault in error.faults], request_id)
    return Error(error.detail, request_id)


def _http_error(error: web.HTTPException, request: web.Request) -> web.Response:
    response = json_response(Error(error.reason, request[REQUEST_ID]), error.status)
    if isinstance(error, web.HTTPMethodNotAllowed):
        allowed = _methods_at(request) or error.allowed_methods
        response.headers["Allow"] = ", ".join(sorted(allowed))
    return response


def _methods_at(request: web.Request) -> set[str]:
    """Those of the path that is just this; `/session/create` fits `/session/{session_id}` too."""
    path = request.path.rstrip("/")
    return {
        route.method
        for route in request.app.router.routes()
        if route.resource is not None and route.resource.canonical.rstrip("/") == path
    }
