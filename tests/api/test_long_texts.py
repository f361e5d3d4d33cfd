"""Promise 27: long texts and hostile letters cost little of the event loop, whatever they are."""

import asyncio
import http.client
import json
import time
from asyncio.events import Handle
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web

from semvec.settings import Settings
from semvec.web import create_app

LONGEST_S = 0.020
"""CPU time of the event loop's thread in one callback."""
TOTAL_S = 0.060
"""The same in all callbacks of a request, parsing and committing a megabyte included."""
TRIES = 2
PROSE, BODY = 262_144, 1_040_000

TEXTS = {
    "words": "".join(f"word{number * 7919 % 100_003} " for number in range(25_000)),
    "ligatures": "\ufdfa" * PROSE,
    "ligatures in words": "\ufdfa " * PROSE,
    "marks": "a\u0301\u0316\u0301\u0316" * PROSE,
    "three-fold in lower case": "\u0390 " * PROSE,
    "no spaces": "\u0e01\u0e33" * PROSE,
    "full stops": "." * PROSE,
}


@dataclass
class Clocked:
    """CPU time of the thread's callbacks since `restart`, which is not what they waited."""

    total: float = 0.0
    longest: float = 0.0
    run: Any = field(default=Handle._run)

    def __call__(self, handle: Handle) -> None:
        began = time.thread_time()
        self.run(handle)
        took = time.thread_time() - began
        self.total += took
        self.longest = max(self.longest, took)

    def restart(self) -> None:
        self.total = self.longest = 0.0


@pytest.fixture
def clocked(monkeypatch: pytest.MonkeyPatch) -> Clocked:
    clocked = Clocked()
    monkeypatch.setattr(Handle, "_run", lambda handle: clocked(handle))
    return clocked


@asynccontextmanager
async def listening(url: str) -> AsyncIterator[int]:
    """The port of a server on this very loop."""
    settings = Settings(
        database_url=url,
        embedder="none",
        allow_anonymous=True,
        rate_limit=False,
        memory_bytes=1 << 30,
    )
    runner = web.AppRunner(create_app(settings))
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


def ask(port: int, path: str, body: bytes) -> int:
    """Sent from another thread."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    with closing(connection):
        connection.request("POST", path, body, {"Content-Type": "application/json"})
        return connection.getresponse().status


def requests(session: str, text: str) -> list[tuple[str, dict[str, Any]]]:
    share = len(text.encode()) / len(text)
    whole = text[: min(PROSE, int(BODY / share)) - 9]
    half, vector = whole[: len(whole) // 2], [3.0, 2.0, 1.0]
    place = {"session_id": session}
    both = {"message_embedding": vector, "response_embedding": vector}
    inner = f"/v1/session/{session}"
    return [
        ("/v1/session/create", {**place, "dimension": 3, "long_term_memories": 1}),
        (f"{inner}/trigger", {"keyword": "one word"}),
        ("/v1/run", {**place, "message": f"{half}1", "response": f"{half}2", **both}),
        ("/v1/store", {**place, "response": f"{whole}3", "response_embedding": vector}),
        (f"{inner}/memory", {"text": f"{whole}4", "embedding": vector, "tier": "long_term"}),
        (f"{inner}/memory", {"text": f"{whole}5", "embedding": vector, "tier": "long_term"}),
        ("/v1/run", {**place, "message": whole, **both}),
        ("/v1/state/context", {**place, "q": whole[:8192], "q_embedding": vector, "top_k": 50}),
        (f"{inner}/entities", {"key": "k", "kind": "path", "value": whole}),
    ]


@pytest.mark.parametrize("kind", TEXTS)
async def test_promise_27_texts_hold_up_nobody(
    kind: str, clocked: Clocked, sqlite_url: str
) -> None:
    longest: dict[int, float] = {}
    total: dict[int, float] = {}
    async with listening(sqlite_url) as port:
        for attempt in range(TRIES):
            for place, (path, fields) in enumerate(requests(f"s{attempt}", TEXTS[kind])):
                body = json.dumps(fields, ensure_ascii=False).encode()
                clocked.restart()
                status = await asyncio.to_thread(ask, port, path, body)
                assert status in (200, 201), path
                longest[place] = min(clocked.longest, longest.get(place, 1.0))
                total[place] = min(clocked.total, total.get(place, 1.0))
    assert max(longest.values()) < LONGEST_S, longest
    assert max(total.values()) < TOTAL_S, total


HOSTILE = {
    "numbers": b"[" + b"0," * 500_000 + b"1]",
    "strings": b"[" + b'"",' * 340_000 + b"1]",
    "depth": b"[" * 500_000 + b"]" * 500_000,
    "escaped quotes": b'"' + rb"\"" * 500_000 + b'"',
    "backslashes": b'"' + rb"\\" * 500_000 + b'"',
    "escaped names": b"{" + b",".join(rb'"\u0061%d":0' % n for n in range(16_000)) + b"}",
}


@pytest.mark.parametrize("kind", HOSTILE)
async def test_promise_27_bodies_hold_up_nobody(
    kind: str, clocked: Clocked, sqlite_url: str
) -> None:
    body = b'{"session_id":"s","response":"a","response_embedding":[1],"x":' + HOSTILE[kind] + b"}"
    longest = []
    async with listening(sqlite_url) as port:
        for _ in range(TRIES):
            clocked.restart()
            assert 400 <= await asyncio.to_thread(ask, port, "/v1/store", body) < 500
            longest.append(clocked.longest)
    assert min(longest) < LONGEST_S
