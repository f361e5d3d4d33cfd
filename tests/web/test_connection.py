import asyncio
import contextlib
import json
import logging
import socket
from collections import Counter
from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from semvec.web.body import read_body
from semvec.web.connection import CHUNKED_PIECE, HttpConnection
from semvec.web.connection_limiter import ConnectionLimiter
from tests.web.edged import edged

DEADLINE_S = 0.3
GET = b"GET /slow HTTP/1.1\r\nHost: a\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n"

Address = tuple[str, int]


async def length_of_body(request: web.Request) -> web.Response:
    await asyncio.sleep(float(request.query.get("sleep", 0)))
    body = await read_body(request, 1 << 30, DEADLINE_S, lambda nbytes: None)
    return web.Response(text=str(len(body)))


async def without_body(request: web.Request) -> web.Response:
    await asyncio.sleep(2 * DEADLINE_S)
    return web.Response(text="done")


async def without_end(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    with contextlib.suppress(ConnectionError):
        while True:
            await response.write(bytes(65536))
    return response


@pytest.fixture
async def address() -> AsyncIterator[Address]:
    """Of a server with room for three connections."""
    loop = asyncio.get_running_loop()
    app = edged(
        ("POST", "/", length_of_body),
        ("*", "/slow", without_body),
        ("GET", "/endless", without_end),
    )
    runner = web.AppRunner(app)
    await runner.setup()
    assert runner.server
    connection = HttpConnection.factory(runner.server, DEADLINE_S, ConnectionLimiter(3))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = await loop.create_server(connection, sock=listener)
        yield listener.getsockname()
        server.close()
    await runner.cleanup()


async def drip(writer: asyncio.StreamWriter, content: bytes) -> None:
    """A byte at a time, until the server has had enough."""
    try:
        for byte in content:
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(DEADLINE_S / 20)
    except ConnectionError:
        pass


async def heard(address: Address, *content: bytes, dripped: bytes = b"") -> bytes:
    """All that the server says until it closes."""
    reader, writer = await asyncio.open_connection(*address)
    for part in content:
        writer.write(part)
        await asyncio.sleep(0.01)
    dripping = asyncio.create_task(drip(writer, dripped))
    said = b""
    with contextlib.suppress(ConnectionResetError):  # what was dripped too late is not read
        async with asyncio.timeout(10):
            while part := await reader.read(65536):
                said += part
    dripping.cancel()
    writer.close()
    return said


async def answer_to(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.partition(b"Content-Length: ")[2].partition(b"\r\n")[0])
    return head, await reader.readexactly(length)


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"GET / HTTP/1.1\r\nAuthorization: Bearer " + b"secret" * 2000 + b"\r\n\r\n", 431),
        (b"GET /" + b"secret" * 30_000 + b" HTTP/1.1\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\nHost: a\r\nAuthorization: sec\x00secret\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nsecret secret: 1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: secret\r\n\r\n", 400),
        (b"secret\r\n\r\n", 400),
        (b"\x16\x03\x01secret\r\n\r\n", 400),
    ],
)
async def test_what_cannot_be_parsed_is_answered_but_never_quoted(
    address: Address, request_: bytes, status: int, caplog: pytest.LogCaptureFixture
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


@pytest.mark.parametrize("path", [b"/", b"/absent"])
async def test_a_body_with_broken_chunks_is_answered_at_once_and_never_logged_as_a_fault(
    address: Address, path: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    """Else a stranger could fill the log with tracebacks."""
    head = b"POST %b HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" % path
    answers = await heard(address, head + b"3\r\nabc\r\n", b"secret\r\n")
    assert answers.startswith(b"HTTP/1.1 400 " if path == b"/" else b"HTTP/1.1 404 ")
    assert "Traceback" not in caplog.text


async def test_a_compressed_body_that_nobody_reads_is_passed_over(
    address: Address, caplog: pytest.LogCaptureFixture
) -> None:
    broken = b"Content-Encoding: gzip\r\nContent-Length: 6\r\n\r\nsecret"
    reader, writer = await asyncio.open_connection(*address)
    writer.write(b"POST /absent HTTP/1.1\r\nHost: a\r\n" + broken + GET)
    assert (await answer_to(reader))[0].startswith(b"HTTP/1.1 404 ")
    assert (await answer_to(reader))[0].startswith(b"HTTP/1.1 200 ")
    writer.close()
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


@pytest.mark.parametrize(
    ("fields", "size", "status"), [(8, 8_000, 404), (9, 8_000, 431), (120, 530, 404)]
)
@pytest.mark.parametrize("at_once", [True, False])
async def test_promise_27_a_head_is_bounded_as_a_sum(
    address: Address, fields: int, size: int, status: int, at_once: bool
) -> None:
    """Each of its lines would do; 64 KiB is what they may be together."""
    lines = [b"X-%d: %b\r\n" % (number, b"a" * size) for number in range(fields)]
    head = b"GET /absent HTTP/1.0\r\n" + b"".join(lines) + b"\r\n"
    parts = [head] if at_once else [head[:4000], *lines_of(head[4000:])]
    assert (await heard(address, *parts)).startswith(b"HTTP/1.0 %d " % status)


def lines_of(content: bytes) -> list[bytes]:
    """Pieces that end in the midst of what ends a head, too."""
    return [content[:20_000], content[20_000:-2], content[-2:]]


async def test_the_end_of_a_large_head_may_come_bit_by_bit(address: Address) -> None:
    head = b"GET /absent HTTP/1.0\r\nX: " + b"a" * 6000
    for pause in range(1, 4):
        end = b"\r\n\r\n"
        assert (await heard(address, head, end[:pause], end[pause:])).startswith(b"HTTP/1.0 404 ")


async def test_a_head_too_large_is_refused_behind_the_answer_to_the_request_before(
    address: Address,
) -> None:
    large = b"GET / HTTP/1.1\r\nHost: a\r\n" + (b"X: " + b"a" * 8000 + b"\r\n") * 9
    answers = await heard(address, GET + large)
    first, second = answers.split(b"HTTP/1.")[1:]
    assert first.startswith(b"1 200 ")
    assert second.startswith(b"0 431 ")


async def test_a_head_that_flows_has_no_more_time_than_others(address: Address) -> None:
    """A body that comes at this pace would be waited for."""
    reader, writer = await asyncio.open_connection(*address)
    writer.write(b"GET / HTTP/1.1\r\nHost: a\r\nX: ")
    said = b""
    for _ in range(60):
        with contextlib.suppress(TimeoutError):
            said = await asyncio.wait_for(reader.read(65536), DEADLINE_S / 10)
            break
        writer.write(b"a" * 900 + b"\r\nX: ")
    writer.close()
    assert said.startswith(b"HTTP/1.1 408 ")


CHUNKED = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    "framing",
    [
        [b"1;" + b"e" * 30_000 + b"\r\na\r\n"] * 3,
        [b"1;", *[b"e" * 10_000] * 7],
        [b"0\r\n", *[b"T%d: " % number + b"a" * 8000 + b"\r\n" for number in range(9)]],
    ],
)
async def test_what_a_chunked_body_has_beside_its_content_is_bounded(
    address: Address, framing: list[bytes]
) -> None:
    head, _, body = (await heard(address, CHUNKED, *framing)).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 413 "), head
    assert b"beside its content" in body


SENT = b"5\r\nhello\r\n"
REFUSED = {
    "an extension before the content": (b"5;" + b"e" * 100_000 + b"\r\nhello\r\n0\r\n\r\n", 413),
    "an extension behind it": (SENT + b"1;" + b"e" * 300_000 + b"\r\n \r\n0\r\n\r\n", 413),
    "a long trailer": (SENT + b"0\r\nX: " + b"t" * 80_000 + b"\r\n\r\n", 413),
    "long trailers": (SENT + b"0\r\n" + (b"X: " + b"t" * 8000 + b"\r\n") * 12 + b"\r\n", 413),
    "many trailers": (SENT + b"0\r\n" + b"X: trailer\r\n" * 20_000 + b"\r\n", 413),
    "a chunk without a size": (SENT + b"e\r\n" + b"e" * 14 + b"\r\nsecret\r\n", 400),
}


@pytest.mark.parametrize("case", REFUSED)
@pytest.mark.parametrize("timing", ["at once", "head first", "behind another"])
async def test_a_refused_body_is_never_read_as_a_shorter_one(
    address: Address, case: str, timing: str
) -> None:
    """The head is padded past what is parsed together with it."""
    body, status = REFUSED[case]
    head = CHUNKED[:-2] + b"X: " + b"a" * 2000 + b"\r\n\r\n"
    before = GET if timing == "behind another" else b""
    parts = [head, body] if timing == "head first" else [before + head + body]
    answers = (await heard(address, *parts)).split(b"HTTP/1.")[1:]
    assert [answer[2:5] for answer in answers] == [b"200"] * bool(before) + [b"%d" % status]


async def test_a_body_given_up_behind_another_request_is_not_read_as_a_shorter_one(
    address: Address,
) -> None:
    """Its time is over once the request before it is answered."""
    answers = (await heard(address, GET + CHUNKED + SENT)).split(b"HTTP/1.")[1:]
    assert [answer[2:5] for answer in answers] == [b"200", b"408"]


async def test_a_body_in_chunks_of_one_byte_is_read(address: Address) -> None:
    reader, writer = await asyncio.open_connection(*address)
    writer.write(CHUNKED + b"1\r\na\r\n" * 100_000 + b"0\r\n\r\n")
    _, body = await answer_to(reader)
    assert body == b"100000"
    writer.close()


async def test_a_body_in_small_chunks_lets_others_have_the_event_loop(
    address: Address, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a turn of no length, each is a piece."""
    loop, turn, parsed = asyncio.get_running_loop(), 0, Counter[int]()
    parse = HttpConnection._parse

    def count_turns() -> None:
        nonlocal turn
        turn += 1
        loop.call_soon(count_turns)

    def record(connection: HttpConnection, data: bytes) -> None:
        parsed[turn] += len(data)
        parse(connection, data)

    monkeypatch.setattr(HttpConnection, "_parse", record)
    monkeypatch.setattr("semvec.web.connection.PARSING_TURN_S", 0.0)
    reader, writer = await asyncio.open_connection(*address)
    loop.call_soon(count_turns)
    writer.write(CHUNKED + b"1\r\na\r\n" * 50_000 + b"0\r\n\r\n" + GET)
    assert (await answer_to(reader))[1] == b"50000"
    assert (await answer_to(reader))[1] == b"done"
    writer.close()
    assert max(parsed.values()) <= CHUNKED_PIECE


async def test_requests_that_wait_behind_another_are_all_answered_and_read_by_and_by(
    address: Address,
) -> None:
    large = GET.replace(b"Host", b"X: " + b"a" * 8000 + b"\r\nHost").replace(b"slow", b"absent")
    reader, writer = await asyncio.open_connection(*address)
    writer.write(GET + large * 100)
    for status in [b"200", *[b"404"] * 100]:
        assert (await answer_to(reader))[0].startswith(b"HTTP/1.1 " + status)
    writer.close()


async def test_what_can_be_parsed_goes_its_way(address: Address) -> None:
    reader, writer = await asyncio.open_connection(*address)
    writer.write(b"GET /absent HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    assert (await reader.read()).startswith(b"HTTP/1.1 404 ")
    writer.close()


@pytest.mark.parametrize(
    ("sent", "dripped"),
    [
        (b"G", b""),
        (b"GET / HTTP/1.1\r\nHost: a\r\n", b""),
        (b"", b"GET / HTTP/1.1\r\nX-Long: " + b"a" * 1000),
    ],
)
async def test_a_head_that_does_not_arrive_is_given_up(
    address: Address, sent: bytes, dripped: bytes
) -> None:
    head, _, body = (await heard(address, sent, dripped=dripped)).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 408 Request Timeout\r\n")
    assert b"\r\nConnection: close" in head
    answer = json.loads(body)
    assert answer["detail"] == "the head took longer than 0.3 s"
    assert f"X-Request-ID: {answer['request_id']}".encode() in head


async def test_a_connection_that_says_nothing_is_closed_without_a_word(address: Address) -> None:
    assert await heard(address) == b""


@pytest.mark.parametrize(
    ("sent", "dripped"),
    [
        (POST % 100, b""),
        (POST % 100 + b"abc", b""),
        (POST % 1000, b"a" * 1000),
        (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc", b""),
    ],
)
async def test_a_body_that_does_not_arrive_is_given_up(
    address: Address, sent: bytes, dripped: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    head, _, body = (await heard(address, sent, dripped=dripped)).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 408 Request Timeout\r\n")
    assert b"\r\nConnection: close" in head
    assert json.loads(body)["detail"] == "the body took longer than 0.3 s"
    assert not caplog.records


async def test_a_body_that_nobody_reads_ends_its_connection(
    address: Address, caplog: pytest.LogCaptureFixture
) -> None:
    slow = POST.replace(b"/ ", b"/slow ")
    assert (await heard(address, slow % 100, b"abc")).endswith(b"\r\n\r\ndone")
    absent = POST.replace(b"/ ", b"/absent ")
    assert (await heard(address, absent % 100)).startswith(b"HTTP/1.1 404 ")
    assert not caplog.records


async def test_a_head_that_follows_an_answer_has_its_own_deadline(address: Address) -> None:
    answers = await heard(address, POST % 3 + b"abc", b"GET / HTTP")
    first, second = answers.split(b"HTTP/1.1 ")[1:]
    assert first.startswith(b"200 ")
    assert second.startswith(b"408 ")


async def test_an_idle_connection_and_a_slow_answer_have_no_deadline(address: Address) -> None:
    reader, writer = await asyncio.open_connection(*address)
    for request in (POST % 3 + b"abc", GET, POST % 3 + b"abc"):
        writer.write(request)
        head, _ = await answer_to(reader)
        assert head.startswith(b"HTTP/1.1 200 ")
        await asyncio.sleep(2 * DEADLINE_S)
    writer.close()


async def test_a_steady_upload_may_take_longer(address: Address) -> None:
    reader, writer = await asyncio.open_connection(*address)
    writer.write(POST % (20 * 4096))
    for _ in range(20):
        writer.write(b"a" * 4096)
        await asyncio.sleep(DEADLINE_S / 5)
    head, body = await answer_to(reader)
    assert head.startswith(b"HTTP/1.1 200 ")
    assert body == b"81920"
    writer.close()


async def test_a_body_that_waits_for_the_server_has_the_time_it_needs(address: Address) -> None:
    reader, writer = await asyncio.open_connection(*address)
    size = 1 << 22
    writer.write(POST.replace(b"/ ", b"/?sleep=1 ") % size + b"a" * size)
    head, body = await answer_to(reader)
    assert head.startswith(b"HTTP/1.1 200 ")
    assert body == str(size).encode()
    writer.close()


async def test_one_connection_too_many_is_turned_away(address: Address) -> None:
    others = [await asyncio.open_connection(*address) for _ in range(3)]
    head, _, body = (await heard(address)).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 429 Too Many Requests\r\n")
    assert json.loads(body)["detail"] == "too many connections"
    _, writer = others.pop()
    writer.close()
    await writer.wait_closed()
    await asyncio.sleep(0.05)
    assert (
        await heard(address, GET + GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
    ).count(b"HTTP/1.1 200 ") == 2
    for _, writer in others:
        writer.close()


async def test_who_takes_nothing_of_an_answer_is_let_go(
    address: Address, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("semvec.web.connection.CONNECTION_STALLED_S", 0.5)
    loop = asyncio.get_running_loop()
    with socket.socket() as client:
        client.setblocking(False)
        await loop.sock_connect(client, address)
        await loop.sock_sendall(client, GET.replace(b"slow", b"endless"))
        for _ in range(20):  # a slow client is none that takes nothing
            await asyncio.sleep(0.05)
            assert await loop.sock_recv(client, 1 << 20)
        await asyncio.sleep(1.5)
        with contextlib.suppress(ConnectionResetError):
            async with asyncio.timeout(5):  # it would go on for ever
                while await loop.sock_recv(client, 1 << 20):
                    pass
