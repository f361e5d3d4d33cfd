"""Reading a request's body, no further than its limit."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, Generic, TypeVar

from aiohttp import StreamReader, web

from semvec.errors import Malformed, TooLarge, TooSlow

if TYPE_CHECKING:
    from hashlib import _Hash as Hash

Body = TypeVar("Body")

SLOWEST = 16 * 1024
"""Bytes a second that a request may arrive at when its deadline is over; a drip is less."""

WRITTEN_AT_ONCE = 1 << 20
"""Bytes of an upload that are worth a hop to a thread."""


@dataclass(frozen=True, slots=True)
class Upload(Generic[Body]):
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
        async for chunk in _body_chunks(self.request, self.limit, self.deadline_s):
            chunks.append(chunk)
            size += len(chunk)
            if size >= WRITTEN_AT_ONCE:
                await asyncio.to_thread(self._write, file, chunks)
                chunks, size = [], 0
        await asyncio.to_thread(self._write, file, chunks)

    async def digest(self) -> bytes:
        """Of the whole body, of which nobody else reads the rest. Raises what `read_body` does."""
        assert self.hash is not None
        async for chunk in _body_chunks(self.request, self.limit, self.deadline_s):
            self.hash.update(chunk)
        return self.hash.digest()

    def _write(self, file: BinaryIO, chunks: list[bytes]) -> None:
        file.writelines(chunks)
        if self.hash is not None:
            for chunk in chunks:
                self.hash.update(chunk)


async def read_body(request: web.Request, limit: int, deadline_s: float) -> bytes:
    """The whole body, decompressed. Raises TooLarge past `limit` bytes, Malformed if it breaks off,
    TooSlow where it has been waited for longer than `deadline_s` and has not come steadily.

    A body that announces more is refused unread, and a client that waits for 100 Continue is told
    to go on only here, when everything that could refuse the request before has let it pass.
    """
    return b"".join([chunk async for chunk in _body_chunks(request, limit, deadline_s)])


async def _body_chunks(request: web.Request, limit: int, deadline_s: float) -> AsyncIterator[bytes]:
    if (request.content_length or 0) > limit:
        raise _too_large(limit)
    if request.headers.get("Expect", "").lower() == "100-continue":
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0
    content, size, waited = request.content, 0, 0.0
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
