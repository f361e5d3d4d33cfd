"""Server-sent events, sent until the client or the server closes the stream."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from types import MappingProxyType
from typing import Generic, TypeVar

import orjson
from aiohttp import hdrs, web

from semvec.errors import Conflict, Malformed, SemvecError, Unavailable
from semvec.service.event_feed import EventFeed
from semvec.web.keys import CONTEXT
from semvec.web.middleware.response_headers import set_response_headers

StreamItem = TypeVar("StreamItem")

EVENT_STREAM = "text/event-stream"
STREAM_HEADERS = MappingProxyType(
    {"Content-Type": EVENT_STREAM, "Cache-Control": "no-store", "X-Accel-Buffering": "no"}
)
LAST_EVENT_ID = "Last-Event-ID"
LONGEST_ID = 18
AGAIN_MS = 2000
"""Milliseconds after which a disconnected client should reconnect."""
LASTS_S = 900.0
"""Seconds after which a stream ends; the client reconnects and its token is verified again."""
STREAM_STALLED_S = 30.0
"""Seconds that a client may leave an event unread before its connection is closed."""
CHECK_S = 0.5
"""Seconds between checks of an open stream's token."""
DISMISSED_S = 1.0
"""Seconds that a stream has to end once its token is invalid; then its connection is closed."""
HEARTBEAT = b":\n\n"


@dataclass(frozen=True, slots=True, eq=False)
class Stream(Generic[StreamItem]):
    """A feed sent as events named `name`, counted as one of the subject's open streams."""

    name: str
    subject: str
    feed: EventFeed[StreamItem]


@dataclass(slots=True, eq=False)
class Line:
    """One open stream; `timer` fires at the next check of its token."""

    request: web.Request
    wake: asyncio.Event
    timer: asyncio.TimerHandle | None = None
    is_dismissed: bool = False

    @property
    def is_cut(self) -> bool:
        transport = self.request.transport
        return transport is None or transport.is_closing()

    def cut(self) -> None:
        """Abort the connection without ending the stream, so that the client sees it is
        incomplete."""
        if (transport := self.request.transport) is not None:
            transport.abort()


class Streams:
    """The open streams. A stream ends when `admitted` is false for its request."""

    def __init__(
        self,
        most_per_subject: int,
        heartbeat_s: float,
        admitted: Callable[[web.Request], bool] = lambda _: True,
    ) -> None:
        self._most, self.heartbeat_s = most_per_subject, heartbeat_s
        self._admitted = admitted
        self.ended = False
        self._open: defaultdict[str, set[Line]] = defaultdict(set)

    @contextmanager
    def opened(self, subject: str, request: web.Request) -> Iterator[Line]:
        """Register a stream while it is open. Raise Conflict if the subject has too many."""
        if self.ended:
            raise Unavailable("the server is stopping")
        if sum(not line.is_cut for line in self._open.get(subject, ())) >= self._most:
            raise Conflict(f"{self._most} streams are open, the most there may be: close one")
        line = Line(request, asyncio.Event())
        self._open[subject].add(line)
        self._check(line)
        try:
            yield line
        finally:
            if line.timer is not None:
                line.timer.cancel()
            self._open[subject].discard(line)
            if not self._open[subject]:
                del self._open[subject]

    def _check(self, line: Line) -> None:
        later = asyncio.get_running_loop().call_later
        if self._admitted(line.request):
            line.timer = later(CHECK_S, self._check, line)
            return
        line.is_dismissed = True
        line.wake.set()
        line.timer = later(DISMISSED_S, line.cut)

    def end(self) -> None:
        """End all streams and refuse new ones."""
        self.ended = True
        for lines in self._open.values():
            for line in lines:
                line.wake.set()


STREAMS = web.AppKey("streams", Streams)


def last_event_id(request: web.Request) -> int | None:
    """Return the id in `Last-Event-ID`, None without one. Raise Malformed."""
    value = request.headers.get(LAST_EVENT_ID, "").strip()
    if not value:
        return None
    if not (value.isascii() and value.isdecimal() and len(value) <= LONGEST_ID):
        raise Malformed(f"{LAST_EVENT_ID} is not the id of an event of this server")
    return int(value)


async def stream_response(stream: Stream[StreamItem], request: web.Request) -> web.StreamResponse:
    """Send the feed's events; return when the stream is over."""
    streams = request.app[STREAMS]
    response = web.StreamResponse(headers=STREAM_HEADERS)
    with streams.opened(stream.subject, request) as line:
        set_response_headers(response, request[CONTEXT])
        await response.prepare(request)
        if request.method != hdrs.METH_HEAD:
            with stream.feed.notifier.subscribed(stream.feed.topic, line.wake):
                await Sending(stream, streams, line, response).run()
    return response


class Sending(Generic[StreamItem]):
    """The sending side of one stream."""

    def __init__(
        self,
        stream: Stream[StreamItem],
        streams: Streams,
        line: Line,
        response: web.StreamResponse,
    ) -> None:
        self._stream, self._streams = stream, streams
        self._line, self._response = line, response
        self._after = stream.feed.after
        self._now = asyncio.get_running_loop().time
        self._sent_at, self._over_at = self._now(), self._now() + LASTS_S

    async def run(self) -> None:
        content = b"retry: %d\n\n" % AGAIN_MS
        try:
            with suppress(ConnectionError):
                while content and await self._write(content):
                    content = await self._next()
        except Unavailable:
            self._line.cut()
        except SemvecError:
            return  # the client reconnects and gets the error then

    async def _next(self) -> bytes:
        """Return the next events, a heartbeat if there are none in time, or nothing at the end."""
        feed = self._stream.feed
        while not self._over():
            self._line.wake.clear()
            if page := await feed.read(self._after):
                self._after = page[-1][0]
                return events(self._stream.name, page)
            left = self._sent_at + self._streams.heartbeat_s - self._now()
            if left <= 0:
                return HEARTBEAT
            with suppress(TimeoutError):
                async with asyncio.timeout(min(left, feed.notifier.poll_s or left)):
                    await self._line.wake.wait()
        return b""

    def _over(self) -> bool:
        line = self._line
        late = self._now() >= self._over_at
        return self._streams.ended or late or line.is_dismissed or line.is_cut

    async def _write(self, content: bytes) -> bool:
        """Send bytes. Return False if the client does not read them; its connection is aborted."""
        try:
            async with asyncio.timeout(STREAM_STALLED_S):
                await self._response.write(content)
        except TimeoutError:
            self._line.cut()
            return False
        self._sent_at = self._now()
        return True


def events(name: str, page: Sequence[tuple[int, object]]) -> bytes:
    head = f"event: {name}\nid: ".encode()
    return b"".join(
        b"%b%d\ndata: %b\n\n" % (head, number, orjson.dumps(item)) for number, item in page
    )
