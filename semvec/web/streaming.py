"""Server-sent events: answers without an end."""

import time
from contextlib import aclosing

import orjson
from aiohttp import hdrs, web

from semvec.errors import Malformed, SemvecError
from semvec.web.keys import REQUEST_ID
from semvec.web.reply import Body, EventStream

HEARTBEAT_S = 15.0
"""Time without an event after which a stream says that it is still there."""
LONGEST_ID = 18
SIGN_OF_LIFE = b":\n\n"


async def stream_response(stream: EventStream[Body], request: web.Request) -> web.StreamResponse:
    """Sends until the events end or the client is gone. What fails on the way ends the stream; the
    client comes back with the id of the last event it has."""
    headers = {
        "Content-Type": "text/event-stream",
        "Cache-Control": "no-store",
        "X-Accel-Buffering": "no",
        "X-Request-ID": request[REQUEST_ID],
    }
    async with aclosing(stream.events) as events:
        await anext(events)
        if request.method == hdrs.METH_HEAD:
            return web.Response(headers=headers)
        response = web.StreamResponse(headers=headers)
        await response.prepare(request)
        try:
            await response.write(SIGN_OF_LIFE)
            said = time.monotonic()
            async for each in events:
                if request.transport is None or request.transport.is_closing():
                    break
                if each is not None:
                    await response.write(_told(stream.name, *each))
                elif time.monotonic() - said >= HEARTBEAT_S:
                    await response.write(SIGN_OF_LIFE)
                else:
                    continue
                said = time.monotonic()
            await response.write_eof()
        except (ConnectionError, SemvecError):
            response.force_close()
    return response


def last_event_id(request: web.Request) -> int | None:
    """That of the last event that a client which comes back has seen. Raises Malformed."""
    sent = request.headers.get("Last-Event-ID", "").strip()
    if not sent:
        return None
    if not (sent.isascii() and sent.isdigit() and len(sent) <= LONGEST_ID):
        raise Malformed("Last-Event-ID is not the id of an event")
    return int(sent)


def _told(name: str, number: int, body: object) -> bytes:
    return b"id: %d\nevent: %s\ndata: %s\n\n" % (number, name.encode(), orjson.dumps(body))
