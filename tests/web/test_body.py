import asyncio
import gzip
from collections.abc import AsyncIterator
from typing import cast

import pytest

from semvec.service import Service
from semvec.settings import Settings
from semvec.web.app import assemble
from tests.web.conftest import Client, RecordingService, Serve

START = b"POST /v1/run HTTP/1.1\r\nHost: localhost\r\n"
MESSAGE = b'{"message": "Hello"}'


async def exchange(client: Client, *parts: bytes) -> bytes:
    """All that comes back for `parts` until the server closes or says no more for a moment."""
    reader, writer = await asyncio.open_connection(client.host, client.port)
    for part in parts:
        writer.write(part)
        await writer.drain()
    received = b""
    try:
        async with asyncio.timeout(0.5):
            while chunk := await reader.read(65536):
                received += chunk
    except TimeoutError:
        pass
    writer.close()
    return received


async def in_chunks(size: int) -> AsyncIterator[bytes]:
    for _ in range(size // 1024):
        yield b" " * 1024


@pytest.mark.parametrize("over", [0, 1])
async def test_a_body_may_be_as_long_as_the_limit(
    client: Client, settings: Settings, over: int
) -> None:
    body = MESSAGE.ljust(settings.max_body_bytes + over)
    assert (await client.post("/v1/run", data=body)).status == (413 if over else 200)


async def test_a_body_that_announces_too_much_is_refused_unread(
    client: Client, settings: Settings, service: RecordingService
) -> None:
    length = b"Content-Length: %d\r\n\r\n" % (settings.max_body_bytes + 1)
    answer = await exchange(client, START + length)
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"\r\nConnection: close\r\n" in answer
    assert b'{"detail":"the body is larger than 65536 bytes","request_id":"' in answer
    assert not service.calls


async def test_a_body_that_announces_nothing_is_refused_where_it_gets_too_long(
    client: Client, settings: Settings
) -> None:
    answer = await client.post("/v1/run", data=in_chunks(settings.max_body_bytes + 2048))
    assert answer.status == 413
    assert "larger than" in (await answer.json())["detail"]


async def test_the_limit_holds_for_what_a_body_decompresses_to(client: Client) -> None:
    bomb = gzip.compress(b" " * 1_000_000)
    answer = await client.post("/v1/run", data=bomb, headers={"Content-Encoding": "gzip"})
    assert answer.status == 413


async def test_a_compressed_body_is_read(client: Client, service: RecordingService) -> None:
    packed = gzip.compress(MESSAGE)
    answer = await client.post("/v1/run", data=packed, headers={"Content-Encoding": "gzip"})
    assert answer.status == 200
    assert service.last_call["message"] == "Hello"


async def test_a_body_in_parts_is_one_body(client: Client, service: RecordingService) -> None:
    head = START + b"Transfer-Encoding: chunked\r\n\r\n"
    answer = await exchange(client, head, b'8\r\n{"messag\r\n', b'c\r\ne": "Hello"}\r\n0\r\n\r\n')
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert service.last_call["message"] == "Hello"


async def test_a_body_that_does_not_decompress_is_malformed(client: Client) -> None:
    answer = await client.post("/v1/run", data=MESSAGE, headers={"Content-Encoding": "gzip"})
    assert answer.status == 400
    assert (await answer.json())["detail"] == "the body cannot be read to its end"


@pytest.mark.parametrize(("length", "told"), [(len(MESSAGE), True), (10_000_000, False)])
async def test_a_client_that_asks_is_told_to_go_on_only_if_its_body_is_wanted(
    client: Client, length: int, told: bool
) -> None:
    ask = START + b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n" % length
    answer = await exchange(client, ask)
    assert answer.startswith(b"HTTP/1.1 100 Continue\r\n\r\n" if told else b"HTTP/1.1 413 ")


async def test_an_unknown_expectation_is_ignored(client: Client) -> None:
    answer = await client.post("/v1/run", data=MESSAGE, headers={"Expect": "the unexpected"})
    assert answer.status == 200


async def test_under_another_server_too_a_body_has_its_deadline(
    settings: Settings, service: RecordingService, serve: Serve
) -> None:
    hasty = settings.model_copy(update={"request_deadline_s": 0.2})
    client = await serve(assemble(hasty, cast(Service, service), None))
    for dripped in (b"", b"{", b"{ "):
        answer = await exchange(client, START + b"Content-Length: 1000\r\n\r\n", dripped)
        assert answer.startswith(b"HTTP/1.1 408 "), answer
        assert b"the body took longer than 0.2 s" in answer
    assert not service.calls
