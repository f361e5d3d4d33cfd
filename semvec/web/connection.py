"""One client's connection: how long it may take to ask, and what to answer to no request at all."""

import asyncio
import logging
from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from typing import Any, cast

import orjson
from aiohttp import StreamReader, web
from aiohttp.http_exceptions import HttpProcessingError, LineTooLong

from semvec.addresses import client_network
from semvec.errors import TooSlow
from semvec.web.body import SLOWEST
from semvec.web.crowd import Crowd
from semvec.web.middleware.request_id import HEADER, new_request_id
from semvec.web.reply import json_response
from semvec.web.schemas.errors import Error

STALLED_S = 30.0
"""How long a client may take none of an answer, once as much waits for it as a connection holds."""

LINE_BYTES = 128 * 1024
"""Of a request line: the longest `q` is 8,192 letters, each up to 12 bytes in an address."""

log = logging.getLogger(__name__)


class Connection(web.RequestHandler):
    """Tells of errors below the application in the application's own shape.

    What could not be parsed is neither answered nor logged in its own words: it may hold a token. A
    connection is closed if it is one too many of its address, or if a request has not arrived
    `deadline_s` after its first byte, the first one after the connection was made, or if its client
    takes nothing of a long answer.
    """

    __slots__ = (
        "_begun",
        "_body",
        "_client",
        "_crowd",
        "_deadline_s",
        "_received",
        "_stalled",
        "_timer",
    )

    def __init__(
        self,
        manager: web.Server,
        *,
        loop: asyncio.AbstractEventLoop,
        deadline_s: float,
        crowd: Crowd,
    ) -> None:
        super().__init__(manager, loop=loop, max_line_size=LINE_BYTES)
        self._deadline_s = deadline_s
        self._crowd = crowd
        self._client: str | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._stalled: asyncio.TimerHandle | None = None
        self._begun = 0.0
        self._received = 0
        self._body: StreamReader | None = None

    @classmethod
    def factory(
        cls, server: web.Server, deadline_s: float, crowd: Crowd
    ) -> Callable[[], "Connection"]:
        """What the running loop makes connections to a server with."""
        loop = asyncio.get_running_loop()
        return partial(cls, server, loop=loop, deadline_s=deadline_s, crowd=crowd)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        peer = transport.get_extra_info("peername")
        client = client_network(peer[0] if peer else "")
        if self._crowd.enter(client):
            self._client = client
            super().connection_made(transport)
            self._watch(0)
        else:
            refused = cast(asyncio.Transport, transport)  # uvloop's for TLS does not say it is one
            refused.write(_last_words(HTTPStatus.TOO_MANY_REQUESTS, "too many connections"))
            refused.close()

    def connection_lost(self, exc: BaseException | None) -> None:
        if self._client is None:
            return
        self._crowd.leave(self._client)
        self._client = None
        self._unwatch()
        self._flow()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        seen = self._request_count
        super().data_received(data)
        if self._request_count > seen:
            self._body = self._messages[-1][1]
        if self._body is not None and self._body.is_eof():
            self._body = None
            self._unwatch()
        elif self._body is not None or data:
            self._watch(len(data))

    def pause_writing(self) -> None:
        super().pause_writing()
        self._stalled = self._loop.call_later(STALLED_S, self._abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._flow()

    def _flow(self) -> None:
        if self._stalled is not None:
            self._stalled.cancel()
            self._stalled = None

    def _abort(self) -> None:
        if self.transport is not None:
            self.transport.abort()

    def _watch(self, size: int) -> None:
        if self._timer is None:
            self._begun, self._received = self._loop.time(), 0
            self._timer = self._loop.call_later(self._deadline_s, self._judge)
        self._received += size

    def _unwatch(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _judge(self) -> None:
        """At the deadline. What flows has more time, and so has what waits for this server."""
        self._timer = None
        allowed = self._deadline_s + self._received / SLOWEST
        left = self._begun + allowed - self._loop.time()
        if self._waits_for_us():
            self._watch(0)
        elif left > 0:
            self._timer = self._loop.call_later(left, self._judge)
        elif self._body is not None:
            self._give_up_body(self._body)
        else:
            self._give_up_head()

    def _waits_for_us(self) -> bool:
        if self._reading_paused or self._buffer_paused:
            return True
        return self._body is None and (self._current_request is not None or bool(self._messages))

    def _give_up_body(self, body: StreamReader) -> None:
        if self._current_request is not None:
            body.set_exception(TooSlow(f"the body took longer than {self._deadline_s:g} s"))
        body.feed_eof()
        self.close()

    def _give_up_head(self) -> None:
        if self._received and self.transport is not None:
            detail = f"the head took longer than {self._deadline_s:g} s"
            self.transport.write(_last_words(HTTPStatus.REQUEST_TIMEOUT, detail))
        self.force_close()

    def log_exception(self, *args: Any, **kw: Any) -> None:
        """What a client sends behind the answer to it may break off or be no gzip."""
        if isinstance(kw.get("exc_info"), web.RequestPayloadError):
            log.info("a body from %s broke off", self._client)
        else:
            super().log_exception(*args, **kw)

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
        request_id = new_request_id()
        if isinstance(exc, LineTooLong):
            response = json_response(Error("request line or header too long", request_id), 431)
        else:
            response = json_response(Error("not a valid HTTP request", request_id), 400)
        response.headers[HEADER] = request_id
        response.force_close()
        return response


def _last_words(status: HTTPStatus, detail: str) -> bytes:
    """A whole answer, for where there is no request that could be answered."""
    request_id = new_request_id()
    body = orjson.dumps(Error(detail, request_id))
    head = (
        f"HTTP/1.1 {status.value} {status.phrase}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n{HEADER}: {request_id}\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + body
