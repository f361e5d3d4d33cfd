"""Reading a request's body, no further than its limit."""

import asyncio
from codecs import BOM_UTF8
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING, BinaryIO, Generic, TypeVar

from aiohttp import StreamReader, hdrs, web

from semvec.errors import Malformed, TooLarge, TooSlow
from semvec.request_task import on_thread
from semvec.web.coding import Decoder, check_transfer_coding, coding_of

if TYPE_CHECKING:
    from hashlib import _Hash as Hash

RequestBody = TypeVar("RequestBody")

SLOWEST = 16 * 1024
"""Bytes a second that a request may arrive at when its deadline is over; a drip is less."""

WRITTEN_AT_ONCE = 1 << 20
"""Bytes of an upload that are worth a hop to a thread."""

DECODING_TURN_S = 0.001
"""How long a body is decompressed before others have the event loop."""


@dataclass(frozen=True, slots=True)
class Upload(Generic[RequestBody]):
    """A body that is read when a handler asks for it, and never lies in memory as a whole.

    `Body` is what its JSON has to be; nobody has checked that. With a `hash`, it is fed with the
    bytes as they pass.
    """

    request: web.Request
    limit: int
    deadline_s: float
    hash: "Hash | None" = None

    async def into(self, file: BinaryIO) -> None:
        """Write the body to a file. Raises what `read_body` does."""
        chunks, size = [], 0
        async for chunk in await self._content():
            chunks.append(chunk)
            size += len(chunk)
            if size >= WRITTEN_AT_ONCE:
                await on_thread(self._write, file, chunks)
                chunks, size = [], 0
        await on_thread(self._write, file, chunks)

    async def digest(self) -> bytes:
        """Of the whole body, of which nobody else reads the rest. Raises what `read_body` does."""
        assert self.hash is not None
        async for chunk in await self._content():
            self.hash.update(chunk)
        return self.hash.digest()

    async def _content(self) -> AsyncIterator[bytes]:
        return _without_mark(await _chunks(self.request, self.limit, self.deadline_s))

    def _write(self, file: BinaryIO, chunks: list[bytes]) -> None:
        file.writelines(chunks)
        if self.hash is not None:
            for chunk in chunks:
                self.hash.update(chunk)


async def read_body(
    request: web.Request, limit: int, deadline_s: float, take: Callable[[int], None]
) -> bytes:
    """The whole body, decompressed. Raises TooLarge past `limit` bytes, compressed or not,
    Malformed if it breaks off or does not decompress, UnsupportedCoding for an unknown coding, and
    TooSlow where it has been waited for longer than `deadline_s` and has not come steadily.

    `take` counts the bytes as they come, and may refuse them.

    A body that announces more is refused unread, and a client that waits for 100 Continue is told
    to go on only here, when everything that could refuse the request before has let it pass.
    """
    chunks = []
    async for chunk in await _chunks(request, limit, deadline_s):
        take(len(chunk))
        chunks.append(chunk)
    return b"".join(chunks).removeprefix(BOM_UTF8)


async def _chunks(request: web.Request, limit: int, deadline_s: float) -> AsyncIterator[bytes]:
    """What the body says, decompressed."""
    check_transfer_coding(request.headers.getall(hdrs.TRANSFER_ENCODING, ()))
    coding = coding_of(request.headers.get(hdrs.CONTENT_ENCODING, ""))
    if (request.content_length or 0) > limit:
        raise _too_large(limit)
    if request.headers.get("Expect", "").lower() == "100-continue":
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0
    received = _received(request.content, limit, deadline_s)
    if coding is None or not getattr(request.protocol, "leaves_codings", False):
        return received
    return _decoded(received, Decoder(coding), limit)


async def _received(content: StreamReader, limit: int, deadline_s: float) -> AsyncIterator[bytes]:
    size, waited = 0, 0.0
    clock = asyncio.get_running_loop().time
    try:
        while True:
            began = clock()
            chunk = await _read_on(content, deadline_s, size / SLOWEST - waited)
            if not chunk:
                return
            waited += clock() - began
            size += len(chunk)
            if size > limit:
                raise _too_large(limit)
            yield chunk
    except (web.RequestPayloadError, ConnectionError) as error:
        raise Malformed("the body cannot be read to its end") from error


async def _decoded(
    chunks: AsyncIterator[bytes], decoder: Decoder, limit: int
) -> AsyncIterator[bytes]:
    """Lets others have the event loop after some time: few bytes can make many, and many members
    of a few bytes, or of none, are much work."""
    size, began = 0, perf_counter()
    async for chunk in chunks:
        for piece in decoder.decoded(chunk):
            size += len(piece)
            if size > limit:
                raise _too_large(limit)
            if piece:
                yield piece
            if perf_counter() - began > DECODING_TURN_S:
                await asyncio.sleep(0)
                began = perf_counter()
    decoder.finish()


async def _without_mark(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Leaves out a byte-order mark at the head."""
    head: bytes = b""
    async for chunk in chunks:
        head += chunk
        if not (len(head) < len(BOM_UTF8) and BOM_UTF8.startswith(head)):
            break
    yield head.removeprefix(BOM_UTF8)
    async for chunk in chunks:
        yield chunk


async def _read_on(content: StreamReader, deadline_s: float, earned_s: float) -> bytes:
    """What has come meanwhile; empty at the end. Raises TooSlow past deadline and earned time."""
    if content.is_eof():
        return await content.readany()
    try:
        async with asyncio.timeout(max(0.0, deadline_s + earned_s)):
            return await content.readany()
    except TimeoutError as error:
        raise TooSlow(f"the body took longer than {deadline_s:g} s") from error


def _too_large(limit: int) -> TooLarge:
    return TooLarge(f"the body is larger than {limit} bytes")


async def leave_expectation(_: web.Request) -> None:
    """Stands where aiohttp would send 100 Continue before any middleware has seen the request."""
