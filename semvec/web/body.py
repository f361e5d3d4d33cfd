"""Reading a request's body, no further than its limit."""

from aiohttp import web

from semvec.errors import Malformed, TooLarge


async def read_body(request: web.Request, limit: int) -> bytes:
    """The whole body, decompressed. Raises TooLarge past `limit` bytes, Malformed if it breaks off.

    A body that announces more is refused unread, and a client that waits for 100 Continue is told
    to go on only here, when everything that could refuse the request before has let it pass.
    """
    if (request.content_length or 0) > limit:
        raise _too_large(limit)
    if request.headers.get("Expect", "").lower() == "100-continue":
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0
    chunks, size = [], 0
    try:
        while chunk := await request.content.readany():
            size += len(chunk)
            if size > limit:
                raise _too_large(limit)
            chunks.append(chunk)
    except (web.RequestPayloadError, ConnectionError) as error:
        raise Malformed("the body cannot be read to its end") from error
    return b"".join(chunks)


def _too_large(limit: int) -> TooLarge:
    return TooLarge(f"the body is larger than {limit} bytes")


async def leave_expectation(_: web.Request) -> None:
    """Stands where aiohttp would send 100 Continue before any middleware has seen the request."""
