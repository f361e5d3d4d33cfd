"""Consolidation in the background, on a real database."""

import asyncio
import gc
import threading
from collections.abc import Iterator

import pytest

from semvec.cache import CachedSession, SessionCache, consolidator
from semvec.errors import NotFound
from semvec.session import snapshot
from semvec.session.consolidation import ConsolidationBatch, Finding, due, findings
from semvec.session.events import ConsolidationStatus, MemoryTier
from semvec.session.turn import plan_turn
from tests.cache.test_session_cache import (
    FAILURES,
    NAME,
    accounted,
    add,
    background,
    hearing,
    opened,
)
from tests.services import HeldClock

ROOM = 16
FILLING = 16 + 64 + ROOM // 2


class Gate:
    """Computations that wait until a test lets them through."""

    def __init__(self) -> None:
        self.reached, self.open = threading.Event(), threading.Event()

    def findings(self, batch: ConsolidationBatch) -> list[Finding]:
        self.reached.set()
        assert self.open.wait(30)
        return findings(batch)


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Iterator[Gate]:
    gate = Gate()
    monkeypatch.setattr(consolidator, "findings", gate.findings)
    yield gate
    gate.open.set()


async def filled(sessions: SessionCache, remarks: int = FILLING) -> CachedSession:
    hot = await add(sessions, long_term=ROOM)
    for number in range(remarks):
        await sessions.change(hot, hearing(f"remark number {number}"))
    return hot


def judged(hot: CachedSession) -> set[int]:
    memories = hot.session.memories
    held = memories.tier_ids[MemoryTier.LONG_TERM]
    return {
        each for each in held if memories.standing[memories.row(each)] != ConsolidationStatus.NEW
    }


async def test_what_fills_long_term_is_judged_and_stays_so(database_url: str) -> None:
    clock = HeldClock()
    async with opened(database_url, clock) as (_, sessions):
        hot = await filled(sessions)
        await background(sessions)
        assert judged(hot) == set(hot.session.memories.tier_ids[MemoryTier.LONG_TERM])
        assert accounted(sessions)
        before = snapshot.take(hot.session)
        clock.now += 10_000
        sessions.sweep()
        await background(sessions)
        again = await sessions.get(NAME)
        assert again is not hot
        assert snapshot.take(again.session) == before


async def test_nothing_happens_while_there_is_room(database_url: str) -> None:
    async with opened(database_url) as (_, sessions):
        hot = await filled(sessions, FILLING - 1)
        await background(sessions)
        assert not judged(hot)
        assert hot.session.seq == 1 + FILLING - 1


async def test_requests_go_on_while_vectors_are_compared(database_url: str, gate: Gate) -> None:
    async with opened(database_url) as (_, sessions):
        hot = await filled(sessions)
        await asyncio.to_thread(gate.reached.wait, 30)
        for number in range(ROOM):  # some of the batch leave for the archive
            await sessions.change(hot, hearing(f"later remark {number}"))
        assert not judged(hot)
        gate.open.set()
        await background(sessions)
        assert judged(hot)
        assert not due(hot.session.memories)


async def test_two_servers_judge_each_memory_once(database_url: str, gate: Gate) -> None:
    async with (
        opened(database_url, shared=True) as (store, one),
        opened(database_url, shared=True) as (_, other),
    ):
        hot = await filled(one, FILLING - 1)
        twin = await other.get(NAME)
        await one.change(hot, hearing("the last remark"))
        assert await other.get(NAME) is twin
        await other.change(twin, plan_turn)
        assert await one.get(NAME) is hot
        gate.open.set()
        await asyncio.gather(background(one), background(other))
        assert await one.get(NAME) is hot
        assert await other.get(NAME) is twin
        assert (
            judged(hot) == judged(twin) == set(hot.session.memories.tier_ids[MemoryTier.LONG_TERM])
        )
        assert snapshot.take(hot.session) == snapshot.take(twin.session)
        head = await store.head(*NAME)
        assert head is not None
        assert head.seq == hot.session.seq == 1 + FILLING + 1 + 1


async def test_a_session_that_goes_meanwhile_is_left_alone(database_url: str, gate: Gate) -> None:
    async with opened(database_url) as (_, sessions):
        hot = await filled(sessions)
        await asyncio.to_thread(gate.reached.wait, 30)
        await sessions.delete(NAME)
        gate.open.set()
        await background(sessions)
        assert not hot.is_live
        with pytest.raises(NotFound):
            await sessions.get(NAME)


@pytest.mark.parametrize("failure", FAILURES, ids=["storage", "unforeseen"])
async def test_a_failure_leaves_the_session_as_it_was(
    database_url: str,
    failure: Exception,
    gate: Gate,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def fail(_: object) -> bool:
        raise failure

    async with opened(database_url) as (store, sessions):
        hot = await filled(sessions)
        with monkeypatch.context() as patch:
            patch.setattr(store, "append", fail)
            gate.open.set()
            await background(sessions)
        assert f"session {hot.key} is not consolidated" in caplog.text
        again = await sessions.get(NAME)
        assert not judged(again)
        await sessions.change(again, hearing("one more"))
        await background(sessions)
        assert judged(again)
    gc.collect()
    assert "asyncio" not in {record.name for record in caplog.records}
