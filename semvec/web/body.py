"""Read request bodies up to a size limit."""

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
"""Bytes per second below which a body counts as stalled once its deadline has passed."""

WRITTEN_AT_ONCE = 1 << 20
"""Bytes of an upload that are written to the file in one call on a thread."""

DECODING_TURN_S = 0.001
"""How long a body is decompressed before others have the event loop."""


@dataclass(frozen=True, slots=True)
class Upload(Generic[RequestBody]):
    """A body that the handler reads itself; it is never held in memory as a whole.

    `RequestBody` is the type that the JSON should have; it is not validated. `hash`, if given, is
    updated with the bytes as they are read.
    """

    request: web.Request
    limit: int
    deadline_s: float
    hash: "Hash | None" = None

    async def into(self, file: BinaryIO) -> None:
        """Write the body to a file. Raise the errors of `read_body`."""
        chunks, size = [], 0
        async for chunk in await self._content():
            chunks.append(chunk)
            size += len(chunk)
            if size >= WRITTEN_AT_ONCE:
                await on_thread(self._write, file, chunks)
                chunks, size = [], 0
        await on_thread(self._write, file, chunks)

    async def digest(self) -> bytes:
        """Read the rest of the body and return the digest of all of it. Raise the errors of
        `read_body`."""
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
    """Return the whole body, decompressed.

    Raise TooLarge past `limit` bytes, compressed or not; Malformed if the body breaks off or does
    not decompress; UnsupportedCoding for an unknown coding; TooSlow if reading has waited longer
    than `deadline_s` and the body arrived slower than `SLOWEST`. `take` counts the bytes as they
    arrive and may raise.

    A body whose announced length is over the limit is refused unread. `100 Continue` is sent only
    here, after every check that could refuse the request.
    """
    chunks = []
    async for chunk in await _chunks(request, limit, deadline_s):
        take(len(chunk))
        chunks.append(chunk)
    return b"".join(chunks).removeprefix(BOM_UTF8)


async def _chunks(request: web.Request, limit: int, deadline_s: float) -> AsyncIterator[bytes]:
    """Yield the body, decompressed."""
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
    """Decompress in steps and yield to the event loop after some time: few bytes can expand to
    many, and many small members are much work."""
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
    """Skip a byte-order mark at the start."""
    head: bytes = b""
    async for chunk in chunks:
        head += chunk
        if not (len(head) < len(BOM_UTF8) and BOM_UTF8.startswith(head)):
            break
    yield head.removeprefix(BOM_UTF8)
    async for chunk in chunks:
        yield chunk


async def _read_on(content: StreamReader, deadline_s: float, earned_s: float) -> bytes:
    """Return the bytes that have arrived; empty at the end. Raise TooSlow after the deadline plus
    `earned_s`."""
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
    """Replace aiohttp's handler, which would send `100 Continue` before any middleware runs."""
