"""A client connection: deadlines, limits, and answers where there is no request to answer."""

import asyncio
import logging
from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from time import perf_counter
from typing import cast

import orjson
from aiohttp import StreamReader, web
from aiohttp.http_exceptions import HttpProcessingError, LineTooLong
from aiohttp.streams import EMPTY_PAYLOAD
from aiohttp.web_protocol import _ErrInfo

from semvec.addresses import client_network
from semvec.errors import Malformed, SemvecError, TooLarge, TooSlow
from semvec.web.body import SLOWEST
from semvec.web.connection_limiter import ConnectionLimiter
from semvec.web.head_buffer import Kept
from semvec.web.keys import TASK
from semvec.web.middleware.request_id import REQUEST_ID_HEADER, new_request_id
from semvec.web.reply import json_response
from semvec.web.schemas.errors import Error

CONNECTION_STALLED_S = 30.0
"""Seconds that a client may leave an answer unread once the connection's write buffer is full."""

HEAD_BYTES = 64 * 1024
"""Limit for a request line and all header fields together, line ends included."""

PARSED_EARLY = 1024
"""An unfinished head of up to this many bytes is passed to the parser as it arrives."""

READ_PIECE = 16 * 1024
"""Bytes of a body that are parsed at once; they may contain the head of the next request."""

CHUNKED_PIECE = 4 * 1024
"""The same of a body in chunks, each of which is work, and may be of one byte."""

PARSING_TURN_S = 0.001
"""How long a connection parses before others have the event loop."""

FRAMING_BYTES = 64 * 1024
FRAMING_PER_BYTE = 8
"""Limits for the bytes of a chunked body that are not content (sizes, extensions, trailers): in
total, and per byte of content. A chunk of one byte takes five."""

FRAMING_TOO_LARGE = "the body has too much beside its content: chunk extensions or trailers"

QUEUED_BYTES = 128 * 1024
"""Bytes of pipelined requests past which reading pauses."""

UNREAD_BYTES = 64 * 1024
"""Bytes of a body that may wait for their reader; reading pauses at twice as much."""

DISCARD_S = 1.0
DISCARD_PAUSE_S = 0.05
"""How long what follows a refused body is discarded, and how long a pause ends that."""

HEAD_END = b"\r\n\r\n"

log = logging.getLogger(__name__)


class HttpConnection(web.RequestHandler):
    """An HTTP connection that reports protocol errors in the application's format.

    A request that cannot be parsed is never quoted in an answer or a log line: it may hold a token.
    A connection is closed if its address has too many, if a request has not arrived within
    `deadline_s` of its first byte (for the first request: of the connection), or if the client does
    not read a long answer. The size of a head is limited, and so is the framing of a chunked body.
    """

    leaves_codings = True
    """Bodies are not decompressed here, so that `body.py` can report what is wrong with one."""

    __slots__ = (
        "_answered",
        "_begun",
        "_body",
        "_body_received",
        "_chunked",
        "_client",
        "_crowd",
        "_deadline_s",
        "_discarded",
        "_head",
        "_head_parsed",
        "_head_refused",
        "_last_bytes",
        "_queued",
        "_received",
        "_refused_body",
        "_stalled",
        "_timer",
        "_turn",
        "_unparsed",
    )

    def __init__(
        self,
        manager: web.Server,
        *,
        loop: asyncio.AbstractEventLoop,
        deadline_s: float,
        crowd: ConnectionLimiter,
    ) -> None:
        super().__init__(
            manager,
            loop=loop,
            max_line_size=HEAD_BYTES,
            read_bufsize=UNREAD_BYTES,
            auto_decompress=False,
        )
        self._deadline_s = deadline_s
        self._crowd = crowd
        self._client: str | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._stalled: asyncio.TimerHandle | None = None
        self._begun = 0.0
        self._received = 0
        self._body: StreamReader | None = None
        self._answered: StreamReader | None = None
        self._refused_body: StreamReader | None = None
        self._discarded = 0
        self._chunked, self._body_received = False, 0
        self._head = Kept(HEAD_BYTES)
        self._head_parsed, self._head_refused = 0, False
        self._last_bytes = b""
        self._queued = 0
        self._unparsed = b""
        self._turn: asyncio.Handle | None = None

    @classmethod
    def factory(
        cls, server: web.Server, deadline_s: float, crowd: ConnectionLimiter
    ) -> Callable[[], "HttpConnection"]:
        """Return a factory that the running loop creates connections with."""
        loop = asyncio.get_running_loop()
        return partial(cls, server, loop=loop, deadline_s=deadline_s, crowd=crowd)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        peer = transport.get_extra_info("peername")
        client = client_network(peer[0] if peer else "")
        if self._crowd.acquire(client):
            self._client = client
            super().connection_made(transport)
            self._watch(0)
        else:
            refused = cast(asyncio.Transport, transport)  # uvloop does not declare its TLS one
            refused.write(_last_words(HTTPStatus.TOO_MANY_REQUESTS, "too many connections"))
            refused.close()

    def connection_lost(self, exc: BaseException | None) -> None:
        if self._client is None:
            return
        self._crowd.release(self._client)
        self._client = None
        self._unwatch()
        self._flow()
        self._head.take()
        self._unparsed = b""
        if self._turn is not None:
            self._turn.cancel()
        request = self._current_request
        super().connection_lost(exc)
        if isinstance(request, web.Request) and (task := request.get(TASK)) is not None:
            task.abandon()

    def data_received(self, data: bytes) -> None:
        """Parse what has come, but not for long: the rest waits, and reading is paused. What the
        parser has kept itself, which is a piece at most, is parsed on by empty `data`."""
        if not data:
            self._parse(data)
            return
        self._unparsed += data
        if self._turn is None and not (self._reading_paused or self._buffer_paused):
            self._parse_on()

    def _parse_on(self) -> None:
        data, self._unparsed = self._unparsed, b""
        end = perf_counter() + PARSING_TURN_S
        while data and not (self._takes_no_more() or self._reading_paused or self._buffer_paused):
            data = self._parse_next(data)
            if perf_counter() > end:
                break
        if self._takes_no_more():
            self._discarded += len(data)
        elif data:
            self._unparsed = data
            self._pause_transport_reading()
            if not (self._reading_paused or self._buffer_paused):
                self._resume_transport_reading()

    def _take_turn(self) -> None:
        self._turn = None
        self._parse_on()
        if not (self._unparsed or self._reading_paused or self._buffer_paused):
            super()._resume_transport_reading()

    def _parse_next(self, data: bytes) -> bytes:
        """Parse a piece; what is left."""
        if self._upgraded:
            return self._parse_some(data, len(data))
        if self._body is not None:
            return self._parse_some(data, CHUNKED_PIECE if self._chunked else READ_PIECE)
        if self._head or self._head_parsed + len(data) > PARSED_EARLY:
            return self._large_head(data)
        return self._parse_some(data, PARSED_EARLY)

    def _resume_transport_reading(self) -> None:
        """Not before what has come is parsed, for which the event loop has to come round again: a
        reader resumes this in the midst of its own work."""
        if not self._unparsed:
            super()._resume_transport_reading()
        elif self._turn is None:
            self._turn = self._loop.call_soon(self._take_turn)

    def _takes_no_more(self) -> bool:
        refused = self._head_refused or self._refused_body is not None
        return self._close or self._force_close or refused

    def _parse_some(self, data: bytes, most: int) -> bytes:
        """Parse at most `most` bytes; return the rest."""
        self._parse(data if len(data) <= most else data[:most])
        return data[most:]

    def _large_head(self, data: bytes) -> bytes:
        """Parse a head once it is complete, buffer it until then. Return the bytes that follow
        it."""
        end = (self._last_bytes + data).find(HEAD_END) + len(HEAD_END) - len(self._last_bytes)
        whole = end >= len(HEAD_END) - len(self._last_bytes)
        kept = len(self._head)
        size = kept + (end if whole else len(data))
        if self._head_parsed + size > HEAD_BYTES:
            self._refuse_head()
            return b""
        if not whole:
            self._head.add(data)
            self._last_bytes = (self._last_bytes + data)[-3:]
            self._watch(len(data))
            return b""
        if kept:
            data = self._head.take() + data
        return self._parse_some(data, size)

    def _refuse_head(self) -> None:
        """Queue a 431 answer behind the requests that came before."""
        self._head.take()
        self._head_refused = True
        self._unwatch()
        error = LineTooLong(b"", HEAD_BYTES)
        self._messages.append((_ErrInfo(431, error, error.message), EMPTY_PAYLOAD))
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _parse(self, data: bytes) -> None:
        if self._refused_body is not None:
            return
        seen = self._request_count
        super().data_received(data)
        if self._request_count > seen:
            self._begin_body()
        elif self._body is not None:
            self._body_received += len(data)
        elif not self._buffer_paused:
            self._head_parsed += len(data)
            self._last_bytes = (self._last_bytes + data)[-3:]
        self._bound_queue(len(data))
        if self._body is not None and self._body.is_eof():
            self._body = None
            self._unwatch()
        elif self._body is not None or data:
            self._watch(len(data))
            self._check_framing()

    def _begin_body(self) -> None:
        message, body = self._messages[-1]
        if self._body is not None and isinstance(message, _ErrInfo):
            self._give_up_body(self._body, _body_error(message))
        self._body = body
        self._head_parsed, self._last_bytes = 0, b""
        self._chunked, self._body_received = getattr(message, "chunked", False), 0

    def _check_framing(self) -> None:
        """Refuse a chunked body with too much framing. While reading is paused, the number of
        parsed bytes is unknown."""
        if self._body is None or not self._chunked or self._reading_paused:
            return
        content = self._body.total_bytes
        if self._body_received > FRAMING_BYTES + (1 + FRAMING_PER_BYTE) * content:
            self._give_up_body(self._body, TooLarge(FRAMING_TOO_LARGE))

    def _bound_queue(self, size: int) -> None:
        """Pause reading when two or more queued requests exceed QUEUED_BYTES."""
        if len(self._messages) < 2:
            self._queued = 0
        self._queued += size
        if self._queued > QUEUED_BYTES and len(self._messages) > 1 and not self._buffer_paused:
            self._pause_reading_for_buffer()

    def _resume_reading_if_drained(self) -> None:
        if self._queued <= QUEUED_BYTES or not self._messages:
            super()._resume_reading_if_drained()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._stalled = self._loop.call_later(CONNECTION_STALLED_S, self._abort)

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
        """Enforce the deadline. Extend it while the server itself is the cause of the delay or the
        body arrives fast enough."""
        self._timer = None
        earned = 0.0 if self._body is None else self._received / SLOWEST
        allowed = self._deadline_s + earned
        left = self._begun + allowed - self._loop.time()
        if self._waits_for_us():
            self._watch(0)
        elif left > 0:
            self._timer = self._loop.call_later(left, self._judge)
        elif self._body is not None:
            late = TooSlow(f"the body took longer than {self._deadline_s:g} s")
            self._give_up_body(self._body, late)
        else:
            self._give_up_head()

    def _waits_for_us(self) -> bool:
        if self._reading_paused or self._buffer_paused or self._unparsed:
            return True
        return self._body is None and (self._current_request is not None or bool(self._messages))

    def _give_up_body(self, body: StreamReader, error: SemvecError) -> None:
        """Refuse a body to its reader, also to one that has not begun: the request may wait behind
        another one. Its answer is the last one. Where it has been answered, nobody reads."""
        if body is self._answered:
            self.close()
        else:
            self._refused_body = body
            body.set_exception(error)
        self._unwatch()
        body.feed_eof()

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        self._answered = request.content
        if self._answered is not self._refused_body:
            return await super().finish_response(request, resp, start_time)
        resp.force_close()
        finished = await super().finish_response(request, resp, start_time)
        await self._discard_rest()
        return finished

    async def _discard_rest(self) -> None:
        """Let a client that still sends come to its end: closing before would reset the connection
        and could take the answer with it."""
        latest = self._loop.time() + DISCARD_S
        while self.transport is not None and self._loop.time() < latest:
            seen = self._discarded
            await asyncio.sleep(DISCARD_PAUSE_S)
            if self._discarded == seen:
                return

    def _give_up_head(self) -> None:
        if self._received and self.transport is not None:
            detail = f"the head took longer than {self._deadline_s:g} s"
            self.transport.write(_last_words(HTTPStatus.REQUEST_TIMEOUT, detail))
        self.force_close()

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
            response = json_response(
                Error("request line or header fields too long", request_id), 431
            )
        else:
            response = json_response(Error("not a valid HTTP request", request_id), 400)
        response.headers[REQUEST_ID_HEADER] = request_id
        response.force_close()
        return response


def _body_error(info: _ErrInfo) -> SemvecError:
    """The reason why a body could not be parsed on. The parser bounds the length of a trailer, and
    the number of fields and trailers together."""
    if isinstance(info.exc, LineTooLong) or info.message.startswith("Too many headers"):
        return TooLarge(FRAMING_TOO_LARGE)
    return Malformed("the body is not chunked as it has to be")


def _last_words(status: HTTPStatus, detail: str) -> bytes:
    """Return a complete HTTP response, for a connection without a request to answer."""
    request_id = new_request_id()
    body = orjson.dumps(Error(detail, request_id))
    head = (
        f"HTTP/1.1 {status.value} {status.phrase}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n{REQUEST_ID_HEADER}: {request_id}\r\n"
        "Connection: close\r\n\r\n"
    )
    return head.encode() + body
