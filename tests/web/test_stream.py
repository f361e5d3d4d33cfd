"""Streams on a real port: what comes, resuming, signs of life, and every way they end."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import ClientResponse, web
from aiohttp.test_utils import TestClient, TestServer

from semvec.errors import NotFound
from semvec.service.event_feed import EventFeed, Notifier
from semvec.settings import Settings
from semvec.web import stream
from semvec.web.call import Call
from semvec.web.endpoint import endpoint, mount
from semvec.web.keys import SETTINGS
from semvec.web.stream import STREAMS, Stream, Streams, last_event_id
from tests.web.conftest import Client
from tests.web.edged import edged

CHOSEN = Settings(allow_anonymous=True)


class Board:
    """A list of notes that anybody may follow."""

    def __init__(self, *, shared: bool = False) -> None:
        self.notes: list[str] = []
        self.notifier = Notifier(shared=shared)
        self.reads = 0
        self.gone = False

    def add(self, *notes: str, silently: bool = False) -> None:
        self.notes += notes
        if not silently:
            self.notifier.notify("board")

    async def read(self, after: int) -> list[tuple[int, str]]:
        self.reads += 1
        if self.gone:
            raise NotFound("the board is gone")
        return [*enumerate(self.notes, 1)][after : after + 2]

    def feed(self, after: int | None) -> EventFeed[str]:
        seen = len(self.notes) if after is None else after
        return EventFeed("board", seen, self.read, self.notifier)


@asynccontextmanager
async def serving(board: Board, streams: Streams) -> AsyncIterator[Client]:
    @endpoint("GET", "/notes", summary="Notes")
    async def follow(call: Call) -> Stream[str]:
        return Stream("note", "ada", board.feed(last_event_id(call.request)))

    async def end(app: web.Application) -> None:
        app[STREAMS].end()

    app = edged()
    app[SETTINGS] = CHOSEN
    app[STREAMS] = streams
    app.on_shutdown.append(end)
    mount(app.router, follow)
    client: Client = TestClient(TestServer(app))
    await client.start_server()
    try:
        yield client
    finally:
        await client.close()


async def heard(answer: ClientResponse) -> str:
    """The next event, or sign of life, as it came."""
    async with asyncio.timeout(5):
        return (await answer.content.readuntil(b"\n\n")).decode()


async def follow(client: Client, **headers: str) -> ClientResponse:
    answer = await client.get("/notes", headers=headers)
    assert answer.status == 200, await answer.text()
    assert answer.content_type == "text/event-stream"
    assert answer.headers["X-Request-ID"]
    assert await heard(answer) == "retry: 2000\n\n"
    return answer


async def test_what_comes_is_sent_as_it_comes() -> None:
    board = Board()
    board.add("before")
    async with serving(board, Streams(4, 15.0)) as client:
        first, second = await follow(client), await follow(client)
        board.add("a\nb")
        for answer in (first, second):
            assert await heard(answer) == 'event: note\nid: 2\ndata: "a\\nb"\n\n'
        board.add("c", "d", "e")
        for number, note in enumerate("cde", 3):
            assert await heard(first) == f'event: note\nid: {number}\ndata: "{note}"\n\n'


async def test_a_client_that_comes_back_gets_what_it_missed() -> None:
    board = Board()
    board.add(*"abcde")
    async with serving(board, Streams(4, 15.0)) as client:
        answer = await follow(client, **{"Last-Event-ID": "2"})
        assert [await heard(answer) for _ in range(3)] == [
            f'event: note\nid: {number}\ndata: "{note}"\n\n' for number, note in enumerate("cde", 3)
        ]


async def test_a_stream_ends_whose_request_would_be_refused_by_now() -> None:
    board, refused = Board(), set[str]()

    def admitted(request: web.Request) -> bool:
        return request.headers["X-Name"] not in refused

    async with serving(board, Streams(4, 15.0, admitted)) as client:
        one, other = (
            await follow(client, **{"X-Name": "1"}),
            await follow(client, **{"X-Name": "2"}),
        )
        refused.add("1")
        async with asyncio.timeout(3):
            assert await one.content.read() == b""
        board.add("a")
        assert await heard(other) == 'event: note\nid: 1\ndata: "a"\n\n'


async def test_a_stream_that_is_not_read_ends_too_when_its_request_would_be_refused() -> None:
    board, refused = Board(), set[str]()
    streams = Streams(4, 15.0, lambda _: not refused)
    async with serving(board, streams) as client:
        await follow(client)
        for _ in range(40):  # more than any buffer takes
            board.add("a" * 1_000_000)
        await asyncio.sleep(0.2)
        refused.add("all")
        async with asyncio.timeout(5):
            while streams._open:  # noqa: ASYNC110
                await asyncio.sleep(0.05)


@pytest.mark.parametrize("sent", ["x", "-1", "1.5", "9" * 19, "٣"])
async def test_an_id_that_was_never_given_is_refused(sent: str) -> None:
    async with serving(Board(), Streams(4, 15.0)) as client:
        answer = await client.get("/notes", headers={"Last-Event-ID": sent})
        assert answer.status == 400


async def test_silence_is_broken_by_signs_of_life_alone() -> None:
    board = Board()
    async with serving(board, Streams(4, 0.1)) as client:
        answer = await follow(client)
        assert [await heard(answer) for _ in range(3)] == [":\n\n"] * 3
        board.add("a")
        assert await heard(answer) == 'event: note\nid: 1\ndata: "a"\n\n'


async def test_what_another_process_adds_is_seen_by_looking(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("semvec.service.event_feed.FEED_POLL_S", 0.05)
    shared, alone = Board(shared=True), Board()
    async with serving(shared, Streams(4, 15.0)) as client:
        answer = await follow(client)
        shared.add("a", silently=True)
        assert await heard(answer) == 'event: note\nid: 1\ndata: "a"\n\n'
    async with serving(alone, Streams(4, 15.0)) as client:
        await follow(client)
        await asyncio.sleep(0.3)
        assert alone.reads == 1


async def test_a_subject_has_so_many_streams_and_no_more() -> None:
    streams = Streams(2, 15.0)
    async with serving(Board(), streams) as client:
        first, _ = await follow(client), await follow(client)
        refused = await client.get("/notes")
        assert refused.status == 409
        assert "2 streams are open" in (await refused.json())["detail"]
        first.close()
        async with asyncio.timeout(5):
            while (await client.get("/notes")).status != 200:  # noqa: ASYNC110
                await asyncio.sleep(0.01)


async def test_streams_end_whole_when_the_server_stops() -> None:
    streams = Streams(4, 15.0)
    async with serving(Board(), streams) as client:
        answer = await follow(client)
        streams.end()
        async with asyncio.timeout(5):
            assert await answer.content.read() == b""  # a cut-off one would raise
        assert (await client.get("/notes")).status == 503


async def test_a_stream_ends_in_time_for_its_token_to_be_checked_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(stream, "LASTS_S", 0.2)
    async with serving(Board(), Streams(4, 0.1)) as client:
        answer = await follow(client)
        async with asyncio.timeout(5):
            assert await answer.content.read() in (b":\n\n", b":\n\n" * 2)


async def test_a_stream_of_what_is_gone_ends() -> None:
    board = Board()
    async with serving(board, Streams(4, 15.0)) as client:
        answer = await follow(client)
        board.gone = True
        board.add("never seen")
        async with asyncio.timeout(5):
            assert await answer.content.read() == b""


async def test_a_client_that_does_not_read_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "STREAM_STALLED_S", 0.2)
    board, streams = Board(), Streams(1, 15.0)
    async with serving(board, streams) as client:
        await follow(client)
        board.add(*["x" * 2**22] * 8)
        async with asyncio.timeout(10):
            headers = {"Last-Event-ID": "8"}
            while (await client.get("/notes", headers=headers)).status != 200:  # noqa: ASYNC110
                await asyncio.sleep(0.05)


async def test_head_is_answered_at_once() -> None:
    board = Board()
    async with serving(board, Streams(1, 15.0)) as client:
        for _ in range(2):
            answer = await client.head("/notes")
            assert (answer.status, await answer.read()) == (200, b"")
        assert board.reads == 0
