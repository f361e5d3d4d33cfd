"""Sessions whose vectors lie in one arena: what is counted, what comes back, what is whose."""

import asyncio
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from semvec.cache import CachedSession, SessionCache, VectorScorer
from semvec.embed.local import LocalEmbedder
from semvec.embed.target import Target
from semvec.kernels.arena import Arena
from semvec.kernels.factory import OpenedDevice
from semvec.persistence import rebuilt
from semvec.session.events import Profile, SessionCreated
from semvec.session.session import Session
from semvec.session.turn import plan_turn
from semvec.session.verify import recalled
from semvec.store import Store
from tests import services
from tests.embed.models import write_model
from tests.kernels.conftest import emulated
from tests.kernels.emulated import Emulated
from tests.services import OWNER, HeldClock, running
from tests.session.conversations import DIMENSION, play, unit, worded


def lesson(arena: Arena | None, turns: int, long_term: int = 60) -> Session:
    """A session that has learnt pairs and remarks, and let memories go."""
    profile = Profile(DIMENSION, None, long_term, token_dimension=8)
    session = Session(SessionCreated(1000.0, profile), arena)
    for number in range(turns):
        text = worded(f"remark {number} on subject {number % 7} of {number % 11}")
        play(session, **{"message" if number % 4 == 0 else "response": text})
    return session


def counted(session: Session) -> int:
    """Bytes of the rows that a session has."""
    memories = session.memories
    return sum(
        each.nbytes - 2 * each.firsts.nbytes for each in (*memories.leases, memories.tokens.lease)
    )


def test_sessions_in_an_arena_are_as_by_themselves_and_count_alike() -> None:
    arena = Arena(0)
    sessions = [lesson(arena, turns) for turns in (5, 80, 300, 0)]
    for session, turns in zip(sessions, (5, 80, 300, 0), strict=True):
        alone = lesson(None, turns)
        assert session.nbytes == alone.nbytes
        probes = [unit(seed) for seed in range(5)]
        assert recalled(session, probes) == recalled(alone, probes)
        assert list(session.memories.records_after(0)) == list(alone.memories.records_after(0))
    assert arena.nbytes == sum(map(counted, sessions)) > 0
    sessions.clear()
    del session
    assert arena.nbytes == 0


def test_sessions_that_grow_side_by_side_keep_their_own() -> None:
    arena = Arena(0)
    together = [lesson(arena, 0) for _ in range(5)]
    texts = [[worded(f"{name} said {turn}") for turn in range(150)] for name in range(5)]
    for turn in range(150):
        for session, mine in zip(together, texts, strict=True):
            play(session, response=mine[turn])
        if turn == 70:
            del together[2], texts[2], session
    for session, mine in zip(together, texts, strict=True):
        held = {record.text for record in session.memories.records_after(0)}
        assert held <= {said.text for said in mine}
        cosines = session.memories.cosines(np.stack([said.vector for said in mine]))
        assert np.count_nonzero(cosines.max(axis=1) > 0.999) >= len(held)
    assert arena.nbytes == sum(map(counted, together))


async def hot_session(sessions: SessionCache, name: str, turns: int) -> CachedSession:
    profile = Profile(DIMENSION, None, 4096, token_dimension=8)
    assert await sessions.add((OWNER, name), SessionCreated(1000.0, profile))
    hot = await sessions.get((OWNER, name))
    for turn in range(turns):
        await sessions.change(hot, partial(plan_turn, response=worded(f"{name} says {turn}")))
    return hot


async def background(sessions: SessionCache) -> None:
    """Wait for what goes on."""
    async with asyncio.timeout(10):
        while sessions._background:  # noqa: ASYNC110
            await asyncio.sleep(0.001)


async def test_running_full_evicts_the_longest_idle_and_frees_their_pages(
    database_url: str,
) -> None:
    clock, arena, scans = HeldClock(), Arena(0), VectorScorer()
    store = Store(database_url)
    limits: dict[str, Any] = {"max_sessions": 100, "idle_ttl_s": 1000}
    sessions = SessionCache(store, clock, arena, scans, memory_bytes=200_000, **limits)
    await store.open()
    try:
        for number in range(8):
            clock.now += 1
            await hot_session(sessions, f"s{number}", 30)
        await background(sessions)
        names = [hot.name[1] for hot in sessions.copies]
        assert names == [f"s{number}" for number in range(8 - len(names), 8)]
        assert 1 <= len(names) < 8
        assert sessions.copies.nbytes <= 200_000
        held = [hot.session for hot in sessions.copies]
        assert arena.nbytes == sum(map(counted, held))
        back = await sessions.get((OWNER, "s0"))
        texts = [record.text for record in back.session.memories.records_after(0)]
        assert texts == [f"s0 says {turn}" for turn in range(30)]
        del back, held
        await background(sessions)
        stored = await store.load(OWNER, "s1")
        assert stored is not None
        assert counted(rebuilt(stored)[0]) > 0
        assert arena.nbytes == sum(counted(hot.session) for hot in sessions.copies)
    finally:
        await sessions.close()
        await scans.close()
        await store.close()


async def test_less_memory_on_the_device_is_the_limit(database_url: str) -> None:
    asked: list[str] = []

    def opening(memory_bytes: int) -> Callable[[str], OpenedDevice]:
        def open_device(device: str) -> OpenedDevice:
            asked.append(device)
            return OpenedDevice(emulated(), "for a test", memory_bytes)

        return open_device

    for memory_bytes, expected in ((1000, 1), (1 << 40, 3)):
        opened = opening(memory_bytes)
        async with running(database_url, device="cuda:0", open_device=opened) as service:
            for name in ("a", "b", "c"):
                await services.create(service, f"{name}{expected}")
            async with asyncio.timeout(10):
                while service.resident > expected:  # noqa: ASYNC110
                    await asyncio.sleep(0.001)
            assert service.resident == expected
    assert asked == ["cuda:0", "cuda:0"]


async def test_the_embedder_is_opened_on_the_same_device(sqlite_url: str, tmp_path: Path) -> None:
    class Noted(LocalEmbedder):
        async def start(self, device: Target | None = None) -> None:
            self.device = device
            await super().start()  # on the CPU: kernels take long to build

    directory = write_model(tmp_path / "tiny", num_attention_heads=1)
    for again in (None, Emulated):
        embedder = Noted(directory)
        opened = OpenedDevice(emulated(), "for a test", 1 << 30, again)
        async with running(sqlite_url, embedder=embedder, open_device=partial(given, opened)):
            assert (None if embedder.device is None else embedder.device.open) is again


def given(opened: OpenedDevice | None, device: str) -> OpenedDevice | None:
    return opened


async def test_a_service_with_a_device_answers_as_one_without(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("semvec.cache.vector_scorer.MIN_NUMBERS_FOR_DEVICE", 0)
    texts = [f"remark number {number}" for number in range(40)]
    answers = []
    for device in (None, OpenedDevice(emulated(), "for a test", 1 << 30)):
        async with running(
            database_url, HeldClock(), open_device=partial(given, device)
        ) as service:
            name = f"s{device is None}"
            await services.create(service, name)
            for text in texts:
                await services.store(service, text, name)
            run = await services.run(service, "what was number 7?", session_id=name)
            items = await services.recall(service, texts[11], name)
            again = await services.run(service, texts[3], "the answer", session_id=name)
            shown = [(each.text, round(each.relevance, 4)) for each in items]
            answers.append((run.context, shown, round(again.top_similarity, 4), again.context))
    assert answers[0] == answers[1]
