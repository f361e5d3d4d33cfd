"""One client's connection: what to answer where no request could be made out."""

import logging
import secrets

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError, LineTooLong

from semvec.web.middleware.request_id import HEADER
from semvec.web.reply import json_response
from semvec.web.schemas.errors import Error

log = logging.getLogger(__name__)


class Connection(web.RequestHandler):
    """Tells of errors below the application in the application's own shape.

    What could not be parsed is neither answered nor logged in its own words: it may hold a token.
    """

    __slots__ = ()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        if not isinstance(exc, HttpProcessingError):
            return super().handle_error(request, status, exc, message)
        log.info("unreadable request from %s: %s", request.remote, type(exc).__name__)
        if request.writer.output_size > 0:
            raise ConnectionError("an answer was already under way")
        request_id = secrets.token_hex(8)
        if isinstance(exc, LineTooLong):
            response = json_response(Error("request line or header too long", request_id), 431)
        else:
            response = json_response(Error("not a valid HTTP request", request_id), 400)
        response.headers[HEADER] = request_id
        response.force_close()
        return response
