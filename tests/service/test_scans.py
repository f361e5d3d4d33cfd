"""The one door to the vectors of hot sessions; the device is emulated by the CPU."""

import asyncio
import re
import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
import pytest

from semvec.cache import CachedSession, SessionCache, VectorScorer, vector_scorer
from semvec.errors import Unavailable
from semvec.intake import Intake
from semvec.kernels import numpy_
from semvec.kernels.arena import Arena
from semvec.kernels.factory import OpenedDevice
from semvec.kernels.launches import DeviceBatch
from semvec.kernels.protocol import DeviceArray, HostNumbers, Kernels, QuantisedRows, Runs
from semvec.service.recall import MAX_RECALL_TRIES, Recall
from semvec.session.edits import plan_anchor, plan_trigger
from semvec.session.events import MemoryRecord, Profile, SessionCreated
from semvec.session.query import EncodedQuery
from semvec.session.search import Found, Search
from semvec.session.turn import plan_turn
from semvec.store import Store
from semvec.telemetry.protocol import SILENT, Batches
from tests.kernels.conftest import emulated
from tests.services import OWNER, HeldClock
from tests.session.conversations import DIMENSION, new_session, play, said, unit, worded

SPOKEN = re.findall(
    r"\w+", "the kite code tent was red 42 in rain brought Lotte found river and left"
)
GIB = 1 << 30


class Noted:
    def __init__(self) -> None:
        self.requests: list[int] = []

    def done(self, size: int, waited: float, took: float) -> None:
        self.requests.append(size)

    def failed(self) -> None:
        """It shows in the answers."""


class Slow:
    """NumPy's kernels; a comparison waits for the gate, and fails with the fault if one is set."""

    def __init__(self) -> None:
        self.entered, self.gate = threading.Event(), threading.Event()
        self.gate.set()
        self.fault: Exception | None = None
        self.compared = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(numpy_, name)

    def ragged_cosines(self, queries: HostNumbers, rows: QuantisedRows, runs: Runs) -> DeviceArray:
        self._wait()
        return numpy_.ragged_cosines(queries, rows, runs)

    def match_top(self, *arguments: Any) -> Any:
        self._wait()
        return numpy_.match_top(*arguments)

    def _wait(self) -> None:
        self.compared += 1
        self.entered.set()
        assert self.gate.wait(10)
        if self.fault is not None:
            raise self.fault


@asynccontextmanager
async def opened(
    url: str, kernels: Kernels | None, telemetry: Batches = SILENT
) -> AsyncIterator[tuple[SessionCache, Recall]]:
    store, door = Store(url), VectorScorer(telemetry)
    door.use_device(None if kernels is None else OpenedDevice(kernels, "for a test", GIB))
    limits: dict[str, Any] = {"max_sessions": 100, "memory_bytes": GIB, "idle_ttl_s": 1000}
    sessions = SessionCache(store, HeldClock(), Arena(GIB), door, **limits)
    await store.open()
    try:
        yield sessions, Recall(sessions, door, store, Intake(None, 4096), HeldClock())
    finally:
        await sessions.close()
        await door.close()
        await store.close()


@pytest.fixture(autouse=True)
def everything_is_worth_a_launch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vector_scorer, "MIN_NUMBERS_FOR_DEVICE", 0)


async def add(sessions: SessionCache, session_id: str) -> CachedSession:
    profile = Profile(DIMENSION, None, 4096, token_dimension=DIMENSION)
    assert await sessions.add((OWNER, session_id), SessionCreated(1000.0, profile))
    return await sessions.get((OWNER, session_id))


def texts(seed: int, number: int) -> list[str]:
    rng = np.random.default_rng(seed)
    return [f"{' '.join(rng.choice(SPOKEN, rng.integers(3, 9)))} {n}" for n in range(number)]


async def talked(
    sessions: SessionCache, session_id: str, seed: int, number: int = 30
) -> CachedSession:
    """A session with pairs, remarks, and memories without token vectors."""
    hot = await add(sessions, session_id)
    for place, text in enumerate(texts(seed, number)):
        heard = (said if place % 5 == 4 else worded)(text)
        part = "message" if place % 3 == 0 else "response"
        await hear(sessions, hot, **{part: heard})
    return hot


async def hear(sessions: SessionCache, hot: CachedSession, **inputs: Any) -> None:
    await sessions.change(hot, lambda session: plan_turn(session, **inputs))


def query(text: str) -> EncodedQuery:
    heard = worded(text)
    return EncodedQuery(heard.text, heard.vector, heard.tokens)


def here(
    hot: CachedSession, asked: EncodedQuery, archived: Sequence[MemoryRecord], k: int
) -> list[Found]:
    """What NumPy finds by itself."""
    cosines = hot.session.memories.cosines(asked.vector[None])[0]
    return Search(hot.session, asked, cosines, 5000.0, archived).best(k)


def agree(found: Sequence[Found], expected: Sequence[Found]) -> None:
    assert [each.memory.id for each in found] == [each.memory.id for each in expected]
    np.testing.assert_allclose(
        [each.relevance for each in found], [each.relevance for each in expected], atol=2e-4
    )


def archive(first: int) -> list[MemoryRecord]:
    """Memories that left a session, with ids from `first` on."""
    session = new_session(token_dimension=DIMENSION)
    session.next_id = first
    for place, text in enumerate(texts(77, 6)):
        play(session, response=(said if place == 3 else worded)(text))
    return list(session.memories.records_after(0))


async def test_a_device_finds_what_the_cpu_finds(database_url: str) -> None:
    async with opened(database_url, emulated()) as (sessions, recall):
        hot = await talked(sessions, "s", 1)
        archived = archive(hot.session.next_id + 3)
        for asked in (query("where was the red kite"), query("42"), query("Lotte left the river")):
            for others in ([], archived):
                _, search, found = await recall.search(hot, asked, others, 7, 5000.0)
                agree(found, here(hot, asked, others, 7))
                cosines = hot.session.memories.cosines(asked.vector[None])[0]
                alone = Search(hot.session, asked, cosines, 5000.0, others)
                assert search.familiar(0.5)[0] == pytest.approx(alone.familiar(0.5)[0], abs=1e-4)


async def test_a_device_knows_of_anchors_and_triggers(database_url: str) -> None:
    async with opened(database_url, emulated()) as (sessions, recall):
        hot = await talked(sessions, "s", 2)
        asked = query("the red kite")
        await sessions.change(hot, lambda session: plan_anchor(session, unit(3)))
        await sessions.change(hot, lambda session: plan_trigger(session, "kite", unit(5), 0.2))
        _, _, found = await recall.search(hot, asked, [], 10, 5000.0)
        agree(found, here(hot, asked, [], 10))
        assert found[0].relevance > 0.3


async def test_a_query_by_vector_alone_and_an_empty_session_need_no_device(
    database_url: str,
) -> None:
    async with opened(database_url, emulated()) as (sessions, recall):
        empty = await add(sessions, "empty")
        _, _, found = await recall.search(empty, query("anything"), [], 5, 5000.0)
        assert found == []
        _, _, found = await recall.search(empty, query("the red kite"), archive(1), 3, 5000.0)
        agree(found, here(empty, query("the red kite"), archive(1), 3))
        hot, asked = await talked(sessions, "s", 3, 9), EncodedQuery(None, unit(4))
        _, _, found = await recall.search(hot, asked, [], 5, 5000.0)
        agree(found, here(hot, asked, [], 5))


async def test_recalls_of_many_sessions_share_launches(database_url: str) -> None:
    slow, noted = Slow(), Noted()
    async with opened(database_url, slow, noted) as (sessions, recall):
        hot = [await talked(sessions, f"s{n}", n, 12) for n in range(8)]
        noted.requests.clear()
        slow.gate.clear()
        slow.entered.clear()
        asked = [query(f"{word} in the rain") for word in SPOKEN[:8]]
        waiting = [
            asyncio.create_task(recall.search(each, question, [], 5, 5000.0))
            for each, question in zip(hot, asked, strict=True)
        ]
        await asyncio.to_thread(slow.entered.wait, 10)
        slow.gate.set()
        answers = await asyncio.gather(*waiting)
        for each, question, (_, _, found) in zip(hot, asked, answers, strict=True):
            agree(found, here(each, question, [], 5))
        assert noted.requests[:2] == [1, 7]
        assert sum(noted.requests) == 16
        assert len(noted.requests) <= 6


async def test_a_session_that_changes_meanwhile_is_searched_again(database_url: str) -> None:
    slow = Slow()
    async with opened(database_url, slow) as (sessions, recall):
        hot = await talked(sessions, "s", 5, 20)
        slow.gate.clear()
        slow.entered.clear()
        asked = query("a quite new remark")
        waiting = asyncio.create_task(recall.search(hot, asked, [], 5, 5000.0))
        await asyncio.to_thread(slow.entered.wait, 10)
        play(hot.session, response=worded("a quite new remark"))
        slow.gate.set()
        _, _, found = await waiting
        assert found[0].text == "a quite new remark"
        agree(found, here(hot, asked, [], 5))


async def test_a_session_that_never_rests_is_searched_here(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = Slow()
    async with opened(database_url, slow) as (sessions, recall):
        hot = await talked(sessions, "s", 6, 10)
        usual = DeviceBatch.matches

        def changing(self: DeviceBatch, asked: Any) -> Any:
            hot.session.seq += 1
            return usual(self, asked)

        monkeypatch.setattr(DeviceBatch, "matches", changing)
        _, _, found = await recall.search(hot, query("the red kite"), [], 5, 5000.0)
        agree(found, here(hot, query("the red kite"), [], 5))
        hot.session.seq -= MAX_RECALL_TRIES


async def test_a_device_that_fails_refuses_work_and_loses_nothing(database_url: str) -> None:
    slow = Slow()
    async with opened(database_url, slow) as (sessions, recall):
        hot = await talked(sessions, "s", 7, 10)
        seq = hot.session.seq
        slow.fault = Unavailable("the GPU fails: for a test")
        with pytest.raises(Unavailable, match="the GPU fails"):
            await recall.search(hot, query("the red kite"), [], 5, 5000.0)
        with pytest.raises(Unavailable, match="the GPU fails"):
            await hear(sessions, hot, response=worded("not to be learnt"))
        assert (hot.is_live, hot.session.seq) == (True, seq)
        asked = query("the red kite")  # of a request whose event is committed already
        _, _, found = await recall.search(hot, asked, [], 5, 5000.0, learnt=True)
        agree(found, here(hot, asked, [], 5))
        slow.fault = None
        await hear(sessions, hot, response=worded("learnt at last"), reset=True)
        _, _, found = await recall.search(hot, query("learnt at last"), [], 5, 5000.0)
        assert found[0].text == "learnt at last"


async def test_what_is_large_is_compared_on_a_thread_and_what_is_small_here(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    noted = Noted()
    async with opened(database_url, None, noted) as (sessions, recall):
        hot = await talked(sessions, "s", 8, 10)
        memories, queries = hot.session.memories, np.stack([unit(1), unit(2)])
        expected = await recall._scans.cosines(memories, queries)
        assert noted.requests == []
        monkeypatch.setattr(vector_scorer, "MIN_NUMBERS_FOR_THREAD", 0)
        np.testing.assert_array_equal(await recall._scans.cosines(memories, queries), expected)
        assert noted.requests == [1]
