"""Hot sessions on a real database: what goes and comes, what fails, what it costs."""

import asyncio
import gc
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest
from msgspec.structs import replace
from sqlalchemy import text as sql

from semvec.cache import CachedSession, SessionCache, VectorScorer, cached_session
from semvec.cache.cached_session import MAX_RESTORES
from semvec.errors import NotFound, Unavailable
from semvec.kernels.arena import Arena
from semvec.service import Service
from semvec.service.recall import note_access
from semvec.session.events import (
    EntityKind,
    IsolationLevel,
    MemoryRecord,
    MemoryTier,
    Profile,
    SessionCreated,
    decode_memory,
    encode_memory,
)
from semvec.session.memory import text_of
from semvec.session.plan import Plan
from semvec.session.search import Found
from semvec.session.session import Session
from semvec.session.text_normalise import normalised_digest
from semvec.session.turn import plan_turn
from semvec.store import Store
from semvec.store.tables import memories
from tests import services
from tests.services import OWNER, HeldClock, run, running
from tests.session import conversations
from tests.session.conversations import new_session, said
from tests.session.journals import anchor, entity, injection, isolation, trigger

NAME = OWNER, "s"
FAILURES = [Unavailable("the disk is full"), RuntimeError("not foreseen")]


@asynccontextmanager
async def opened(
    url: str, clock: HeldClock | None = None, *, shared: bool | None = None, **limits: int
) -> AsyncIterator[tuple[Store, SessionCache]]:
    store = Store(url, shared=shared)
    chosen: dict[str, Any] = {
        "max_sessions": 100,
        "memory_bytes": 1 << 30,
        "idle_ttl_s": 1000,
        **limits,
    }
    sessions = SessionCache(store, clock or HeldClock(), Arena(0), VectorScorer(), **chosen)
    await store.open()
    try:
        yield store, sessions
    finally:
        await sessions.close()
        await store.close()


async def add(
    sessions: SessionCache, session_id: str = "s", *, long_term: int = 4096
) -> CachedSession:
    profile = Profile(conversations.DIMENSION, None, long_term)
    assert await sessions.add((OWNER, session_id), SessionCreated(1000.0, profile))
    return await sessions.get((OWNER, session_id))


def hearing(text: str) -> Callable[[Session], Plan]:
    """The plan of learning this text."""
    return lambda session: plan_turn(session, response=said(text))


async def background(sessions: SessionCache) -> None:
    """Wait for what goes on, and leave what came of it to be noticed."""
    while sessions._background:
        await asyncio.wait(sessions._background)


def accounted(sessions: SessionCache) -> bool:
    """Whether the bytes counted are those of the live copies."""
    copies = list(sessions.copies)
    counted = [cached_session.nbytes for cached_session in copies] == [
        cached_session.session.nbytes for cached_session in copies
    ]
    return counted and sessions.copies.nbytes == sum(
        cached_session.nbytes for cached_session in copies
    )


async def archived(store: Store, key: int, text: str) -> MemoryRecord:
    (payload,) = await store.archived_by_folds(key, [normalised_digest(text)])
    return decode_memory(payload)


async def stored(service: Service, clock: HeldClock, texts: list[str]) -> list[str]:
    """The hashes of these texts, learnt a second apart."""
    hashes = []
    for text in texts:
        clock.now += 1
        hashes.append((await services.store(service, text)).memory_hash or "")
    return hashes


async def test_what_is_said_again_stays_while_the_archive_gives_back(database_url: str) -> None:
    clock = HeldClock()
    async with running(database_url, clock) as service:
        await services.create(service, long_term_memories=1)
        texts = [f"remark number {number}" for number in range(81)]
        hashes = await stored(service, clock, texts)
        for _ in range(5):
            await service.recall.memory(OWNER, "s", hashes[0])
        await stored(service, clock, ["remark number 80!"])
        # The second leaves for the archive; the third, often used, is the next to move down.
        await stored(service, clock, ["one more"])
        for _ in range(50):
            await service.recall.memory(OWNER, "s", hashes[2])
        await stored(service, clock, ["one more!"])
        await services.recall(service, texts[1], top_k=1)
        head = await service.database.head(*NAME)
        assert head is not None
        assert await service.database.archived_by_hash(head.key, hashes[1]) is not None
        before = await service.recall.memory(OWNER, "s", hashes[0])
        again = await services.store(service, f" {texts[0]}…")
        assert again.memory_hash == hashes[0]
        assert await service.database.archived_by_hash(head.key, hashes[1]) is None
        after = await service.recall.memory(OWNER, "s", hashes[0])
        assert after.importance > before.importance
        assert after.access_count == before.access_count + 2  # the look and the repetition
        assert (await service.sessions.metrics(OWNER, "s")).total_memories == 82


async def test_an_archived_text_said_again_after_a_reset_comes_back(database_url: str) -> None:
    clock = HeldClock()
    async with running(database_url, clock) as service:
        await services.create(service, long_term_memories=1)
        texts = [f"remark number {number}" for number in range(101)]
        hashes = await stored(service, clock, texts)
        head = await service.database.head(*NAME)
        assert head is not None
        archived = [await service.database.archived_by_hash(head.key, each) for each in hashes]
        place = next(place for place, payload in enumerate(archived) if payload is not None)
        first = hashes[place]
        await run(service, "a question that waits")
        await run(service, "the next question", f"{texts[place]}!", reset=True)
        assert (await service.sessions.metrics(OWNER, "s")).total_memories == len(texts) + 1
        assert await service.database.archived_by_hash(head.key, first) is None
        assert (await service.recall.memory(OWNER, "s", first)).access_count == 1


async def test_archived_memories_with_digests_of_release_1_0_are_found_by_their_text(
    database_url: str,
) -> None:
    clock = HeldClock()
    async with running(database_url, clock) as service:
        await services.create(service, long_term_memories=1)
        texts = [f"a remark of {number}² m" for number in range(101)]
        hashes = await stored(service, clock, texts)
        head = await service.database.head(*NAME)
        assert head is not None
        place = 0
        while (payload := await service.database.archived_by_hash(head.key, hashes[place])) is None:
            place += 1
        former = replace(decode_memory(payload), fold=bytes(16))
        async with service.database.engine.begin() as connection:
            row = memories.c.key == head.key, memories.c.id == former.id
            values = {"fold": former.fold, "payload": encode_memory(former)}
            await connection.execute(memories.update().where(*row).values(values))
        total = (await service.sessions.metrics(OWNER, "s")).total_memories
        again = await services.store(service, texts[place])
        assert again.memory_hash == hashes[place]
        assert (await service.sessions.metrics(OWNER, "s")).total_memories == total
        assert await service.database.archived_by_hash(head.key, hashes[place]) is None


async def test_a_session_made_anew_takes_nothing_meant_for_the_old_one(database_url: str) -> None:
    async with opened(database_url) as (store, sessions):
        old = await add(sessions)
        await sessions.change(old, hearing("a remark"))
        await sessions.delete(NAME)
        new = await add(sessions)
        with pytest.raises(NotFound, match="session 's' not found"):
            await sessions.change(old, hearing("a secret"))
        head = await store.head(*NAME)
        assert head is not None
        assert (head.key, head.seq, head.total_memories) == (new.key, 1, 0)
        assert (await sessions.get(NAME)) is new
        assert not len(new.session.memories)


async def test_a_copy_whose_session_was_made_anew_is_dropped(database_url: str) -> None:
    async with (
        opened(database_url, shared=True) as (_, one),
        opened(database_url, shared=True) as (_, other),
    ):
        old = await add(one)
        await one.change(old, hearing("x" * 1000))
        await other.delete(NAME)
        new = await add(one)
        assert not old.is_live
        assert new.is_live
        assert accounted(one)


async def test_a_look_while_a_session_is_made_leaves_one_copy(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(database_url) as (store, sessions):
        create, looked = store.create, []

        async def slow(*args: Any, **rest: Any) -> Any:
            head = await create(*args, **rest)
            looked.append(await sessions.get(NAME))
            return head

        monkeypatch.setattr(store, "create", slow)
        assert [await add(sessions)] == looked
        assert looked[0].is_live
        assert accounted(sessions)


async def test_returns_that_another_server_brought_are_forgotten(database_url: str) -> None:
    async with (
        opened(database_url, shared=True) as (store, one),
        opened(database_url, shared=True) as (_, other),
    ):
        hot = await add(one, long_term=1)
        for number in range(90):
            await one.change(hot, hearing(f"remark number {number}"))
        gone = next(each for each in range(1, 90) if each not in hot.session.memories)
        record = await archived(store, hot.key, f"remark number {gone - 1}")
        for cached_session in (hot, twin := await other.get(NAME)):
            assert cached_session.restore_memory(record)
        await other.change(twin, plan_turn)
        assert record.id in twin.session.memories
        assert await one.get(NAME) is hot
        assert not hot.pending_restores
        assert record.id in hot.session.memories


async def test_accesses_of_what_another_server_archived_are_forgotten(database_url: str) -> None:
    async with (
        opened(database_url, shared=True) as (_, one),
        opened(database_url, shared=True) as (_, other),
    ):
        writer = await add(one, long_term=1)
        reader = await other.get(NAME)
        for number in range(120):
            await one.change(writer, hearing(f"remark number {number}"))
            assert await other.get(NAME) is reader
            reader.record_access(number + 1, 5.0)
        assert len(reader.pending_accesses) <= 16 + 64 + 1
        assert set(reader.pending_accesses) <= set(reader.session.memories.ids.tolist())


def test_so_many_come_back_at_once_and_the_others_count_as_unused() -> None:
    source = new_session()
    for number in range(MAX_RESTORES + 3):
        conversations.play(source, response=said(f"remark number {number}"))
    records = list(source.memories.records_after(0))
    hot = CachedSession(NAME, 1, new_session(), 0.0)
    note_access(hot, [Found(record, 0.5) for record in records], 5.0)
    assert (
        list(hot.pending_restores)
        == list(hot.pending_accesses)
        == [record.id for record in records[:MAX_RESTORES]]
    )
    assert hot.restore_memory(records[0])
    assert not hot.restore_memory(records[-1])


@pytest.mark.parametrize("failure", FAILURES, ids=["storage", "unforeseen"])
async def test_a_failed_snapshot_leaves_the_session_usable(
    database_url: str,
    failure: Exception,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def fail(_: object) -> bool:
        raise failure

    monkeypatch.setattr(cached_session, "SNAPSHOT_EVERY", 2)
    async with opened(database_url) as (store, sessions):
        hot = await add(sessions)
        with monkeypatch.context() as patch:
            patch.setattr(store, "save_snapshot", fail)
            for number in range(5):
                await sessions.change(hot, hearing(f"remark number {number}"))
                await background(sessions)
        assert f"no snapshot of session {hot.key}" in caplog.text
        assert (hot.is_live, hot.is_saving, hot.saved.seq) == (True, False, 0)
        await sessions.change(hot, hearing("the last remark"))
        await background(sessions)
        assert hot.saved.seq == hot.session.seq
        assert len((await store.tail(hot.key, 0)).events) == 0
    gc.collect()
    assert "asyncio" not in {record.name for record in caplog.records}


@pytest.mark.parametrize("failure", FAILURES, ids=["storage", "unforeseen"])
@pytest.mark.parametrize("method", ["append", "save_snapshot"])
async def test_an_eviction_that_cannot_save_lets_go(
    database_url: str,
    method: str,
    failure: Exception,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def fail(_: object) -> bool:
        raise failure

    clock = HeldClock()
    async with opened(database_url, clock) as (store, sessions):
        hot = await add(sessions)
        await sessions.change(hot, hearing("a remark"))
        hot.record_access(1, clock())
        clock.now += 10_000
        with monkeypatch.context() as patch:
            patch.setattr(store, method, fail)
            sessions.sweep()
            await background(sessions)
        assert not len(sessions.copies)
        assert accounted(sessions)
        assert f"session {hot.key}" in caplog.text
        again = await sessions.get(NAME)
        changed = await sessions.change(again, hearing("another remark"))
        assert len(changed.hot.session.memories) == 2
    gc.collect()
    assert "asyncio" not in {record.name for record in caplog.records}


async def test_sessions_that_grow_past_the_budget_leave_without_the_sweeper(
    database_url: str,
) -> None:
    budget = 100_000
    async with opened(database_url, memory_bytes=budget) as (_, sessions):
        names = "abcdef"
        for name in names:
            await add(sessions, name)
        for name in names:
            hot = await sessions.get((OWNER, name))
            await sessions.change(hot, hearing(name * 60_000))
            await background(sessions)
            assert hot.is_live  # the one in use stays
        assert sessions.copies.nbytes <= budget
        assert accounted(sessions)
        assert (await sessions.get((OWNER, "a"))).session.total_memories == 1


async def test_a_question_that_waits_counts_as_memory(database_url: str) -> None:
    async with opened(database_url) as (_, sessions):
        hot = await add(sessions)
        before = hot.nbytes
        question = said("é" * 50_000)
        await sessions.change(hot, lambda session: plan_turn(session, message=question))
        assert hot.nbytes - before >= 100_000
        assert accounted(sessions)


async def test_what_is_set_on_a_session_counts_as_memory(database_url: str) -> None:
    async with opened(database_url) as (_, sessions):
        hot = await add(sessions)
        operations = (
            (entity("key", EntityKind.PATH, "é" * 50_000), 100_000),
            (
                isolation(IsolationLevel.LOCKDOWN, list(range(100)), []),
                100 * 4 * conversations.DIMENSION,
            ),
            (injection("x" * 50_000, 1, MemoryTier.LONG_TERM, 0), 50_000),
            (trigger(None, 1), 4 * conversations.DIMENSION),
            (anchor(1), 4 * conversations.DIMENSION),
        )
        for operation, least in operations:
            before = hot.nbytes
            await sessions.change(hot, operation)
            assert hot.nbytes - before >= least
            assert accounted(sessions)


async def test_after_a_delete_of_unknown_outcome_the_database_is_asked(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(sqlite_url) as (store, sessions):
        await add(sessions)
        delete = store.delete

        async def lost_answer(key: int) -> bool:
            await delete(key)
            raise Unavailable("the connection was lost")

        monkeypatch.setattr(store, "delete", lost_answer)
        with pytest.raises(Unavailable):
            await sessions.delete(NAME)
        with pytest.raises(NotFound):
            await sessions.get(NAME)


async def learn(sessions: SessionCache, text: str) -> CachedSession:
    return (await sessions.change(await sessions.get(NAME), hearing(text))).hot


async def known(sessions: SessionCache) -> list[str | None]:
    memories = (await sessions.get(NAME)).session.memories
    return [text_of(record) for record in memories.records_after(0)]


@asynccontextmanager
async def lost(store: Store) -> AsyncIterator[None]:
    """The events that come within are lost afterwards, as where a backup is restored."""
    head = await store.head(*NAME)
    assert head is not None
    yield
    async with store.engine.begin() as connection:
        kept = {"seq": head.seq, "line": head.line, "key": head.key}
        await connection.execute(
            sql("UPDATE sessions SET seq = :seq, line = :line WHERE key = :key"), kept
        )
        await connection.execute(sql("DELETE FROM events WHERE key = :key AND seq > :seq"), kept)


@pytest.mark.parametrize("later", [0, 1, 2])
async def test_a_copy_of_what_the_database_has_lost_is_dropped(
    database_url: str, later: int
) -> None:
    """Whether the database has fewer events by now, as many, or more."""
    async with (
        opened(database_url, shared=True) as (store, ahead),
        opened(database_url, shared=True) as (_, other),
    ):
        await add(ahead)
        await learn(ahead, "kept")
        async with lost(store):
            await learn(ahead, "lost")
        expected = ["kept"]
        for number in range(later):
            await learn(other, f"later {number}")
            expected.append(f"later {number}")
        assert await known(ahead) == expected
        await learn(ahead, "more")
        assert await known(other) == await known(ahead) == [*expected, "more"]


async def test_a_change_of_what_the_database_has_lost_is_decided_again(database_url: str) -> None:
    async with (
        opened(database_url, shared=True) as (store, ahead),
        opened(database_url, shared=True) as (_, other),
    ):
        await add(ahead)
        async with lost(store):
            hot = await learn(ahead, "lost")
        await learn(other, "later")
        await ahead.change(hot, hearing("more"))
        assert await known(other) == ["later", "more"]


async def test_a_copy_of_what_the_database_has_lost_destroys_nothing(database_url: str) -> None:
    async with opened(database_url, shared=True) as (store, other):
        async with opened(database_url, shared=True) as (_, ahead):
            await add(ahead)
            async with lost(store):
                for number in range(3):
                    await learn(ahead, f"lost {number}")
            for number in range(4):
                await learn(other, f"later {number}")
        head = await store.head(*NAME)
        assert head is not None
        assert len((await store.tail(head.key, 0)).events) == head.seq == 5


async def test_where_one_process_writes_a_copy_is_compared_over_a_new_connection(
    database_url: str,
) -> None:
    async with opened(database_url, shared=False) as (store, sessions):
        await add(sessions)
        await learn(sessions, "kept")
        async with lost(store):
            await learn(sessions, "lost")
        async with AsyncExitStack() as stack:
            for _ in range(4):
                await stack.enter_async_context(store.engine.connect())
        assert await known(sessions) == ["kept"]


async def test_rows_that_are_lost_with_their_snapshot_are_written_anew(database_url: str) -> None:
    async with opened(database_url, shared=True) as (store, sessions):
        await add(sessions)
        hot = await learn(sessions, "first")
        events = (await store.tail(hot.key, 0)).events
        assert await sessions._snapshot(hot)
        async with store.engine.begin() as connection:
            for table in ("snapshots", "memories"):
                await connection.execute(sql(f"DELETE FROM {table}"))
            await connection.execute(sql("UPDATE sessions SET snapshot_seq = 0"))
            for seq, payload in events:
                await connection.execute(
                    sql("INSERT INTO events (key, seq, payload) VALUES (:key, :seq, :payload)"),
                    {"key": hot.key, "seq": seq, "payload": payload},
                )
        hot = await learn(sessions, "second")
        await sessions._snapshot_or_drop(hot)
        assert not hot.is_live
        hot = await sessions.get(NAME)
        assert await sessions._snapshot(hot)
        sessions.copies.evict(hot)
        assert await known(sessions) == ["first", "second"]
