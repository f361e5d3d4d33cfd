import asyncio
import codecs
import gzip
import zlib
from collections.abc import AsyncIterator
from typing import cast

import pytest

from semvec.service import Service
from semvec.settings import Settings
from semvec.web.app import assemble
from semvec.web.body import _decoded, _without_mark
from semvec.web.coding import Decoder
from tests.web.conftest import Address, Client, RecordingService, Serve, exchange

START = b"POST /v1/run HTTP/1.1\r\nHost: localhost\r\n"
MESSAGE = b'{"message": "Hello"}'


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
    bomb = gzip.compress(b" " * 1_000_000, mtime=0)
    answer = await client.post("/v1/run", data=bomb, headers={"Content-Encoding": "gzip"})
    assert answer.status == 413


async def test_a_compressed_body_is_read(client: Client, service: RecordingService) -> None:
    packed = gzip.compress(MESSAGE, mtime=0)
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


def refused(answer: bytes) -> tuple[bytes, bytes]:
    """The status, and what is told."""
    return answer[9:12], answer.partition(b'"detail":"')[2].partition(b'"')[0]


def post(body: bytes, coding: bytes) -> bytes:
    head = START + b"Connection: close\r\nContent-Encoding: %b\r\nContent-Length: %d\r\n\r\n"
    return head % (coding, len(body)) + body


PACKED = gzip.compress(MESSAGE, mtime=0)


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        (b"identity", MESSAGE),
        (b"gzip", PACKED),
        (b"GZIP", PACKED),
        (b"x-gzip", PACKED),
        (b"gzip, identity", PACKED),
        (b"gzip", gzip.compress(MESSAGE[:7], mtime=0) + gzip.compress(MESSAGE[7:], mtime=0)),
        (b"deflate", zlib.compress(MESSAGE)),
        (b"deflate", zlib.compress(MESSAGE)[2:-4]),
        (b"", MESSAGE),
    ],
)
async def test_a_body_is_read_in_the_codings_that_are_accepted(
    served: Address, service: RecordingService, coding: bytes, body: bytes
) -> None:
    answer = await exchange(served, post(body, coding))
    assert answer.startswith(b"HTTP/1.1 200 "), answer
    assert service.last_call["message"] == "Hello"


@pytest.mark.parametrize("coding", [b"br", b"zstd", b"foo", b"gzip, gzip", b"compress", b"\xff"])
async def test_an_unknown_coding_is_refused_with_those_that_are_accepted(
    served: Address, coding: bytes
) -> None:
    answer = await exchange(served, post(MESSAGE, coding))
    status, told = refused(answer)
    assert (status, told[:21]) == (b"415", b"Content-Encoding may ")
    assert b"\r\nAccept-Encoding: gzip, deflate\r\n" in answer


@pytest.mark.parametrize("coding", [b"gzip, chunked", b"gzip,CHUNKED"])
@pytest.mark.parametrize("path", [b"/v1/run", b"/v1/session/s/import", b"/v1/session/s/export"])
async def test_a_transfer_coding_that_is_not_understood_is_refused_as_such(
    served: Address, service: RecordingService, path: bytes, coding: bytes
) -> None:
    method = b"GET" if path.endswith(b"export") else b"POST"
    head = b"%b %b HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: %b\r\n\r\n" % (method, path, coding)
    answer = await exchange(served, head + b"%x\r\n%b\r\n0\r\n\r\n" % (len(PACKED), PACKED))
    status, told = refused(answer)
    assert (status, told[:32]) == (b"400", b"Transfer-Encoding may be chunked")


@pytest.mark.parametrize(
    ("coding", "body", "told"),
    [
        (b"gzip", PACKED[:-8], b"the body ends before its gzip data does"),
        (b"gzip", PACKED[:-12], b"the body ends before its gzip data does"),
        (b"gzip", PACKED[:-1], b"the body ends before its gzip data does"),
        (
            b"gzip",
            PACKED[:-6] + bytes([PACKED[-6] ^ 1]) + PACKED[-5:],
            b"the body is not valid gzip: incorrect data check",
        ),
        (
            b"gzip",
            PACKED[:-2] + bytes([PACKED[-2] ^ 1]) + PACKED[-1:],
            b"the body is not valid gzip: incorrect length check",
        ),
        (b"gzip", MESSAGE, b"the body is not valid gzip: incorrect header check"),
        (b"gzip", PACKED + b"rest", b"the body is not valid gzip: incorrect header check"),
        (b"deflate", zlib.compress(MESSAGE)[:-1], b"the body ends before its deflate data does"),
        (
            b"deflate",
            zlib.compress(MESSAGE) + b"rest",
            b"the body goes on behind its deflate data",
        ),
    ],
)
async def test_broken_compression_is_refused_with_what_is_wrong(
    served: Address, coding: bytes, body: bytes, told: bytes
) -> None:
    assert refused(await exchange(served, post(body, coding))) == (b"400", told)


async def test_decompression_ends_at_the_limit(served: Address, settings: Settings) -> None:
    """Of what comes out, and of what goes in where nothing comes out."""
    bomb = gzip.compress(bytes(10 * settings.max_body_bytes))
    assert (await exchange(served, post(bomb, b"gzip"))).startswith(b"HTTP/1.1 413 ")
    empty = gzip.compress(b"", mtime=0) * (settings.max_body_bytes // 20 + 1)
    answer = await exchange(served, START + b"Content-Encoding: gzip\r\n", in_chunk(empty))
    assert answer.startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize("content", [b"", b" "])
async def test_others_have_the_event_loop_while_many_small_members_are_decompressed(
    content: bytes,
) -> None:
    """Twenty thousand take tens of milliseconds, however little comes out."""
    turns = 0

    async def chunks() -> AsyncIterator[bytes]:
        yield gzip.compress(content, mtime=0) * 20_000

    async def count_turns() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    counting = asyncio.create_task(count_turns())
    made = b"".join([piece async for piece in _decoded(chunks(), Decoder("gzip"), 1 << 20)])
    counting.cancel()
    assert made == content * 20_000
    assert turns > 3


@pytest.mark.parametrize("size", [4095, 4096, 4097, 12_288])
async def test_compressed_data_may_end_anywhere(
    served: Address, service: RecordingService, size: int
) -> None:
    """It is decompressed 4 KiB at a time. A comment in its head makes it as long as wanted."""
    comment = b"c" * (size - len(PACKED) - 1) + b"\0"
    packed = PACKED[:3] + b"\x10" + PACKED[4:10] + comment + PACKED[10:]
    assert len(packed) == size
    assert (await exchange(served, post(packed, b"gzip"))).startswith(b"HTTP/1.1 200 ")
    assert service.last_call["message"] == "Hello"


def in_chunk(body: bytes) -> bytes:
    return b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)


@pytest.mark.parametrize("parts", [1, 2, 3, 4])
async def test_a_byte_order_mark_is_skipped(
    served: Address, service: RecordingService, parts: int
) -> None:
    body = codecs.BOM_UTF8 + MESSAGE
    head = START + b"Connection: close\r\nContent-Length: %d\r\n\r\n" % len(body)
    cut = [body[:1], body[1:2], body[2:3], body[3:]][: parts - 1]
    answer = await exchange(served, head, *cut, body[len(b"".join(cut)) :])
    assert answer.startswith(b"HTTP/1.1 200 "), answer
    assert service.last_call["message"] == "Hello"


async def test_an_import_with_a_byte_order_mark_is_read_without_it() -> None:
    async def chunks(*parts: bytes) -> AsyncIterator[bytes]:
        for part in parts:
            yield part

    for parts, content in {
        (b"\xef\xbb\xbf{}",): b"{}",
        (b"\xef", b"\xbb", b"\xbf{", b"}"): b"{}",
        (b"\xef\xbb",): b"\xef\xbb",
        (b"\xef", b"{}"): b"\xef{}",
        (b"{", b"\xef\xbb\xbf}"): b"{\xef\xbb\xbf}",
        (): b"",
    }.items():
        assert b"".join([chunk async for chunk in _without_mark(chunks(*parts))]) == content


async def test_a_refused_body_keeps_no_answer_under_its_key(
    served: Address, service: RecordingService
) -> None:
    """Also of an endpoint that would do with an empty body. No reader has begun yet when the body
    is refused: it comes together with its head."""
    for path in (b"/v1/session/create", b"/v1/session/s/isolation/release"):
        head = b"POST %b HTTP/1.1\r\nHost: a\r\nIdempotency-Key: k\r\n" % path
        body = b"2;" + b"e" * 100_000 + b"\r\n{}\r\n0\r\n\r\n"
        answer = await exchange(served, head + b"Transfer-Encoding: chunked\r\n\r\n" + body)
        assert answer.startswith(b"HTTP/1.1 413 "), answer
    assert service.calls == []
