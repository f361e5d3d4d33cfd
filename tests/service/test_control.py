"""Control of a session on real databases: what it does, what it refuses, what survives."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from semvec.errors import Conflict, Invalid, NotFound
from semvec.service import Service
from semvec.session import isolation_filter
from semvec.session.events import IsolationLevel, MemoryTier
from semvec.session.isolation_filter import MAX_QUARANTINED
from tests.services import (
    DIMENSION,
    OWNER,
    HeldClock,
    create,
    embedding,
    evicted,
    find,
    inject,
    isolate,
    put,
    recall,
    rows,
    run,
    running,
    store,
    trigger,
)

WRONG: list[list[float]] = [
    [],
    [1.0],
    [1.0] * (DIMENSION + 1),
    [0.0] * DIMENSION,
    [float("nan")] * DIMENSION,
    [1.0] * (DIMENSION - 1) + [float("-inf")],
]


async def texts(service: Service, q: str | None = "anything") -> set[str]:
    return {item.text for item in await recall(service, q, top_k=50)}


async def test_a_trigger_lifts_what_it_names(database_url: str) -> None:
    async with running(database_url) as service:
        await create(service)
        await store(service, "the refund is under way")
        (before,) = await recall(service, "my refund")
        assert await trigger(service) == 1
        (after,) = await recall(service, "my refund")
        assert after.relevance > before.relevance
        assert await trigger(service, None, embedding("refund")) == 2
        assert (await service.control.clear_triggers(OWNER, "s")).trigger_count == 0
        (again,) = await recall(service, "my refund")
        assert again.relevance == before.relevance


async def test_anchors_hold_a_session(database_url: str) -> None:
    async with running(database_url) as service:
        policy = {"embedding": embedding("policy"), "weight": 0.5}
        await create(service, policy_vectors=[policy])
        score = await service.control.anchor_score(OWNER, "s")
        assert (score.anchor_score, score.anchor_count, score.drift_threshold) == (0.0, 1, 0.5)
        answer = await service.control.set_anchor(OWNER, "s", embedding("home"))
        assert answer.anchor_count == 2
        away = [-number for number in embedding("home")]
        for number in range(3):
            await service.conversation.store(
                OWNER, session_id="s", response=f"far {number}", response_embedding=away
            )
        score = await service.control.anchor_score(OWNER, "s")
        assert score.anchor_score < 0.5
        assert score.realignment_remaining == 5
        await store(service, "home")
        assert (await service.control.anchor_score(OWNER, "s")).realignment_remaining == 4


@pytest.mark.parametrize("level", [IsolationLevel.QUARANTINE, IsolationLevel.LOCKDOWN])
async def test_a_dialogue_under_quarantine(database_url: str, level: IsolationLevel) -> None:
    """What is suspect is never recalled, by whatever way, until it is released."""
    clock = HeldClock()
    async with running(database_url, clock) as service:
        await create(service)
        await isolate(service, level, ("poison", "worse poison"), ("water", "more water"))
        asked = await run(service, "poison")
        assert (asked.learned, asked.withheld_by) == (False, level.lower())
        assert await recall(service, None) == []
        answered = await run(service, "water", "more water")
        assert (answered.learned, answered.withheld_by) == (False, level.lower())
        stored = await store(service, "worse poison")
        assert (stored.learned, stored.memory_hash) == (False, None)
        injected = await inject(service, "poison")
        assert (injected.learned, injected.total_memories) == (False, 0)
        kept = await store(service, "water")
        assert (kept.learned, kept.withheld_by) == (True, None)
        for _ in range(2):
            assert await texts(service) == {"water"}
            assert (await run(service, "poison", learn=False)).context.count("poison") == 0
            await evicted(service, clock)
        released = await service.control.release(OWNER, "s")
        assert released.released_count == 3
        assert await texts(service) == {
            "water",
            "poison\nmore water",
            "water\nworse poison",
            "poison",
        }
        assert (await service.control.release(OWNER, "s")).released_count == 0
        assert (await service.sessions.metrics(OWNER, "s")).total_memories == 4


async def test_filter_drops_and_open_learns(database_url: str) -> None:
    async with running(database_url) as service:
        await create(service)
        await isolate(service, IsolationLevel.FILTER, ("poison",))
        filtered = await run(service, "poison")
        assert (filtered.learned, filtered.withheld_by) == (False, "filter")
        assert not (await store(service, "poison")).learned
        assert await recall(service, None) == []
        assert (await store(service, "water")).learned
        await isolate(service, IsolationLevel.OPEN, ("poison",))
        opened = await store(service, "poison")
        assert (opened.learned, opened.withheld_by) == (True, None)
        assert await texts(service) == {"water", "poison"}
        assert (await service.control.release(OWNER, "s")).released_count == 0


async def test_learn_false_passes_no_isolation(database_url: str) -> None:
    async with running(database_url) as service:
        await create(service)
        await isolate(service, IsolationLevel.LOCKDOWN)
        asked = await run(service, "poison", learn=False)
        assert asked.withheld_by == "request"
        assert (await service.control.release(OWNER, "s")).released_count == 0


async def test_an_injected_memory_is_recalled_and_counts_no_turn(database_url: str) -> None:
    async with running(database_url) as service:
        await create(service)
        answer = await inject(service, "Oslo.", MemoryTier.MEDIUM_TERM)
        assert (answer.tier, answer.total_memories, answer.learned) == ("medium_term", 1, True)
        memory = await service.recall.memory(OWNER, "s", answer.memory_hash)
        assert (memory.text, memory.importance, memory.access_count) == ("Oslo.", 0.75, 2)
        again = await inject(service, " Oslo!", MemoryTier.LONG_TERM)
        assert (again.tier, again.memory_hash) == ("medium_term", answer.memory_hash)
        metrics = await service.sessions.metrics(OWNER, "s")
        assert (metrics.total_memories, metrics.interaction_count) == (1, 0)
        (head,) = (await service.sessions.page(OWNER, limit=5, cursor=None)).items
        assert (head.total_memories, head.interaction_count) == (1, 0)


async def test_everything_set_outlives_the_process(database_url: str) -> None:
    clock = HeldClock()
    async with running(database_url, clock) as service:
        await create(service)
        await trigger(service)
        await service.control.set_anchor(OWNER, "s", embedding("home"))
        await isolate(service, IsolationLevel.QUARANTINE, ("poison",))
        await store(service, "poison")
        await put(service, "a")
        await put(service, "b")
        await service.literals.remove(OWNER, "s", "a")
    for _ in range(2):
        async with running(database_url, clock) as service:
            assert await find(service) == [("b", "v", 0)]
            score = await service.control.anchor_score(OWNER, "s")
            assert score.anchor_count == 1
            assert not (await store(service, "poison")).learned
            await trigger(service)
    async with running(database_url, clock) as service:
        assert (await service.control.release(OWNER, "s")).released_count == 3
        assert await trigger(service) == 4
        assert len(await rows(service, "pieces")) == 3 + 1 + 1 + 3 + 1


async def test_rows_of_pieces_that_are_gone_go_with_the_next_snapshot(database_url: str) -> None:
    clock = HeldClock()
    async with (
        running(database_url, clock, shared=True) as one,
        running(database_url, clock, shared=True) as other,
    ):
        await create(one)
        await isolate(one, IsolationLevel.LOCKDOWN)
        for service in (one, other, one, other):
            for number in range(5):
                await put(service, f"key {number}", f"value {number}")
                await store(service, f"remark {number}")
            await trigger(service)
            await evicted(service, clock)
        await evicted(one, clock)
        assert len(await rows(one, "pieces")) == 5 + 20 + 4 + 1
        await one.control.clear_triggers(OWNER, "s")
        await other.control.release(OWNER, "s")
        await evicted(other, clock)
        assert len(await rows(one, "pieces")) == 5 + 1
        assert [key for key, *_ in await find(one)] == [f"key {n}" for n in (4, 3, 2, 1, 0)]
        await evicted(one, clock)
        await one.sessions.delete(OWNER, "s")
        for table in ("sessions", "events", "snapshots", "memories", "pieces"):
            assert await rows(one, table) == []


async def test_releasing_much_goes_in_order_and_others_go_between(database_url: str) -> None:
    async with running(database_url) as service:
        await create(service, long_term_memories=5)
        await isolate(service, IsolationLevel.LOCKDOWN, (), ("water",))
        for number in range(120):
            await store(service, f"remark {number}")
        released, kept = await asyncio.gather(
            service.control.release(OWNER, "s"), store(service, "water")
        )
        assert released.released_count == 120
        assert kept.learned
        assert (await service.sessions.metrics(OWNER, "s")).total_memories == 121


async def test_two_services_release_at_once(database_url: str) -> None:
    async with (
        running(database_url, shared=True) as one,
        running(database_url, shared=True) as other,
    ):
        await create(one)
        await isolate(one, IsolationLevel.LOCKDOWN)
        for number in range(100):
            await store(one, f"remark {number}")
        counts = await asyncio.gather(*(each.control.release(OWNER, "s") for each in (one, other)))
        assert sum(count.released_count for count in counts) == 100
        assert (await other.sessions.metrics(OWNER, "s")).total_memories == 100


async def test_what_does_not_fit_any_more_is_a_conflict(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert MAX_QUARANTINED == 10_000
    monkeypatch.setattr(isolation_filter, "MAX_QUARANTINED", 2)
    async with running(database_url) as service:
        await create(service)
        await isolate(service, IsolationLevel.LOCKDOWN)
        for number in range(2):
            await store(service, f"remark {number}")
        before = await rows(service, "events")
        for call in (store(service, "more"), run(service, "more"), inject(service, "more")):
            with pytest.raises(Conflict, match="2 items are held"):
                await call
        assert await rows(service, "events") == before
        assert (await service.control.release(OWNER, "s")).released_count == 2
        assert not (await store(service, "more")).learned


Call = Callable[[Service, list[float]], Awaitable[object]]
VECTORS: dict[str, Call] = {
    "trigger": lambda service, vector: trigger(service, None, vector),
    "anchor": lambda service, vector: service.control.set_anchor(OWNER, "s", vector),
    "exclusion": lambda service, vector: isolate(
        service, IsolationLevel.OPEN, exclusion_embeddings=[embedding("fine"), vector]
    ),
    "allowlist": lambda service, vector: isolate(
        service, IsolationLevel.OPEN, allowlist_embeddings=[embedding("fine"), vector]
    ),
    "memory": lambda service, vector: service.control.inject(
        OWNER,
        "s",
        embedding=vector,
        text="t",
        tier=MemoryTier.SHORT_TERM,
        importance=0.5,
        access_count=0,
    ),
}


@pytest.mark.parametrize("call", VECTORS.values(), ids=VECTORS)
async def test_promise_10_wrong_vectors_are_refused_and_change_nothing(
    database_url: str, call: Call
) -> None:
    async with running(database_url) as service:
        await create(service)
        before = await rows(service, "events"), await rows(service, "sessions")
        for vector in WRONG:
            with pytest.raises(Invalid, match="embedding") as refused:
                await call(service, vector)
            if len(vector) != DIMENSION:
                assert f"{len(vector)} numbers" in refused.value.detail
                assert f"dimension is {DIMENSION}" in refused.value.detail
        assert (await rows(service, "events"), await rows(service, "sessions")) == before


STRANGERS: list[Callable[[Service], Awaitable[object]]] = [
    lambda service: trigger(service, owner="eve"),
    lambda service: service.control.clear_triggers("eve", "s"),
    lambda service: service.control.set_anchor("eve", "s", embedding("a")),
    lambda service: service.control.anchor_score("eve", "s"),
    lambda service: service.control.isolate(
        "eve",
        "s",
        level=IsolationLevel.OPEN,
        exclusion_embeddings=[],
        allowlist_embeddings=[],
        similarity_threshold=0.5,
    ),
    lambda service: service.control.release("eve", "s"),
    lambda service: inject(service, "stolen", owner="eve"),
    lambda service: put(service, "k", owner="eve"),
    lambda service: find(service, owner="eve"),
    lambda service: service.literals.remove("eve", "s", "k"),
]


async def test_promise_7_another_owner_finds_nothing_and_changes_nothing(database_url: str) -> None:
    async with running(database_url) as service:
        await create(service)
        await put(service, "k")
        before = await rows(service, "events")
        for call in STRANGERS:
            with pytest.raises(NotFound, match="session 's' not found"):
                await call(service)
        assert await rows(service, "events") == before
