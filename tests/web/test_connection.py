import asyncio
import functools
import json
import logging
import socket
from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from semvec.web.connection import Connection


@pytest.fixture
async def address() -> AsyncIterator[tuple[str, int]]:
    loop = asyncio.get_running_loop()
    runner = web.AppRunner(web.Application())
    await runner.setup()
    assert runner.server
    connection = functools.partial(Connection, runner.server, loop=loop)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = await loop.create_server(connection, sock=listener)
        yield listener.getsockname()
        server.close()
    await runner.cleanup()


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"GET / HTTP/1.1\r\nAuthorization: Bearer " + b"secret" * 2000 + b"\r\n\r\n", 431),
        (b"GET /" + b"secret" * 2000 + b" HTTP/1.1\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\nHost: a\r\nAuthorization: sec\x00secret\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nsecret secret: 1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: secret\r\n\r\n", 400),
        (b"secret\r\n\r\n", 400),
        (b"\x16\x03\x01secret\r\n\r\n", 400),
    ],
)
async def test_what_cannot_be_parsed_is_answered_but_never_quoted(
    address: tuple[str, int], request_: bytes, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        reader, writer = await asyncio.open_connection(*address)
        writer.write(request_)
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
        writer.close()
    assert head.startswith(f"HTTP/1.0 {status} ".encode()), head
    answer = json.loads(body)
    assert f"X-Request-ID: {answer['request_id']}".encode() in head
    assert b"Content-Type: application/json" in head
    assert "secret" not in answer["detail"] + caplog.text
    assert "unreadable request from 127.0.0.1" in caplog.text


async def test_what_can_be_parsed_goes_its_way(address: tuple[str, int]) -> None:
    reader, writer = await asyncio.open_connection(*address)
    writer.write(b"GET /absent HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    assert (await reader.read()).startswith(b"HTTP/1.1 404 ")
    writer.close()
