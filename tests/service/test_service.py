"""The service on a real database, without an embedder."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from semvec.cache.cached_session import SNAPSHOT_EVERY
from semvec.errors import Conflict, Invalid, Malformed, NotFound
from semvec.intake import NewSession
from semvec.service import Service
from tests.services import (
    DIMENSION,
    OWNER,
    HeldClock,
    create,
    embedding,
    evicted,
    recall,
    rows,
    run,
    running,
    store,
)
from tests.test_intake import Letters


async def test_a_conversation_is_remembered_and_recalled(database_url: str) -> None:
    async with running(database_url) as service:
        await create(service)
        await run(service, "Where does Ada live?")
        await run(service, "And her cat?", "Ada lives in Turin.")
        answer = await run(service, "Thanks", "Her cat is called Pippo.")
        assert "Ada lives in Turin." in answer.context
        assert "3 turns" not in answer.context
        items = await recall(service, "What is the cat called?")
        assert items[0].text == "And her cat?\nHer cat is called Pippo."
        assert [item.relevance for item in items] == sorted(
            (item.relevance for item in items), reverse=True
        )
        assert all(0 <= item.relevance <= 1 for item in items)


async def test_a_run_without_an_id_makes_a_session(database_url: str) -> None:
    async with running(database_url) as service:
        first = await run(service, "hello", session_id=None)
        again = await run(service, "more", "hi", session_id=first.session_id)
        assert again.session_id == first.session_id
        assert (await service.sessions.metrics(OWNER, first.session_id)).interaction_count == 1


async def test_learn_false_changes_nothing(database_url: str) -> None:
    async with running(database_url) as service:
        await create(service)
        await run(service, "one", None)
        before = await service.sessions.metrics(OWNER, "s"), len(await rows(service, "events"))
        asked = await run(service, "two", "unheard", learn=False)
        assert not asked.learned
        assert asked.withheld_by == "request"
        after = await service.sessions.metrics(OWNER, "s"), len(await rows(service, "events"))
        assert after == before
        learnt = await run(service, "three", "the answer to one")
        assert "unheard" not in learnt.context
        assert "one\n  the answer to one" in learnt.context


async def test_a_repeated_question_answers_short_circuit(database_url: str) -> None:
    async with running(database_url) as service:
        await create(service)
        await run(service, "when is the offsite in 2022?")
        await run(service, "thanks", "In May.")
        repeated = await run(service, "when is the offsite in 2022?", learn=False)
        assert repeated.short_circuit
        assert repeated.top_similarity == pytest.approx(1.0, abs=1e-5)
        other = await run(service, "something else entirely", learn=False)
        assert not other.short_circuit


async def test_an_evicted_session_comes_back_by_itself(database_url: str) -> None:
    clock = HeldClock()
    async with running(database_url, clock) as service:
        await create(service)
        for number in range(30):
            await store(service, f"fact number {number}")
        before = await service.sessions.metrics(OWNER, "s"), await recall(service, "fact number 7")
        await evicted(service, clock)
        (item,) = (await service.sessions.page(OWNER, limit=10, cursor=None)).items
        assert not item.resident
        assert (item.interaction_count, item.total_memories) == (30, 30)
        assert await service.sessions.metrics(OWNER, "s") == before[0]
        after = await recall(service, "fact number 7")
        assert [each.text for each in after] == [each.text for each in before[1]]
        assert (await service.sessions.page(OWNER, limit=10, cursor=None)).items[0].resident


async def test_accesses_survive_eviction(database_url: str) -> None:
    clock = HeldClock()
    async with running(database_url, clock) as service:
        await create(service)
        digest = (await store(service, "the only fact")).memory_hash
        assert digest is not None
        await recall(service, "only fact")
        await service.recall.memory(OWNER, "s", digest)
        await evicted(service, clock)
        assert (await service.recall.memory(OWNER, "s", digest)).access_count == 2


async def test_more_sessions_than_may_be_hot(database_url: str) -> None:
    async with running(database_url, max_sessions=3) as service:
        for number in range(10):
            await create(service, f"s{number}")
            await store(service, f"fact of {number}", f"s{number}")
        await asyncio.sleep(0.2)
        assert service.resident <= 3
        for number in range(10):
            (item,) = await recall(service, "fact", f"s{number}")
            assert item.text == f"fact of {number}"


async def test_snapshots_bound_the_journal(database_url: str) -> None:
    clock = HeldClock()
    async with running(database_url, clock) as service:
        await create(service)
        for number in range(SNAPSHOT_EVERY + 20):
            await store(service, f"fact number {number}")
        await asyncio.sleep(0.2)
        assert len(await rows(service, "events")) < 40
        assert len(await rows(service, "snapshots")) == 1
        before = await service.sessions.metrics(OWNER, "s")
        await evicted(service, clock)
        assert await service.sessions.metrics(OWNER, "s") == before
        assert (await recall(service, "fact number 3"))[0].text == "fact number 3"


async def test_the_archive_is_searched_and_gives_back(database_url: str) -> None:
    clock = HeldClock()
    async with running(database_url, clock) as service:
        await create(service, long_term_memories=4)
        first = await store(service, "the zebra is called Marty")
        for number in range(100):
            clock.now += 1
            await store(service, f"remark number {number}")
        assert first.memory_hash is not None
        assert len(await rows(service, "archive_terms")) > 0
        expanded = await service.recall.memory(OWNER, "s", first.memory_hash)
        assert expanded.text == "the zebra is called Marty"
        assert (await recall(service, "what is the zebra called?"))[0].text == expanded.text
        metrics = await service.sessions.metrics(OWNER, "s")
        assert metrics.total_memories == 101
        await store(service, "one more remark")
        await evicted(service, clock)
        assert (await recall(service, "zebra"))[0].text == expanded.text
        again = await store(service, "the  zebra is called Marty!")
        assert again.memory_hash == first.memory_hash
        assert (await service.sessions.metrics(OWNER, "s")).total_memories == 102


async def test_deleting_erases_everything(database_url: str) -> None:
    clock = HeldClock()
    async with running(database_url, clock) as service:
        await create(service, long_term_memories=2)
        for number in range(90):
            await store(service, f"remark number {number}")
        await evicted(service, clock)
        await service.sessions.delete(OWNER, "s")
        assert len(await rows(service, "sessions")) == 0
        async with asyncio.timeout(30):  # large sessions are erased in pieces, after the answer
            for table in ("events", "snapshots", "memories", "archive_terms"):
                while await rows(service, table):  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
        with pytest.raises(NotFound):
            await service.sessions.metrics(OWNER, "s")
        await create(service)
        assert (await service.sessions.metrics(OWNER, "s")).total_memories == 0


Call = Callable[[Service], Awaitable[object]]
CALLS: list[Call] = [
    lambda service: run(service, "stolen", owner="eve"),
    lambda service: run(service, "stolen", owner="eve", learn=False),
    lambda service: store(service, "stolen", owner="eve"),
    lambda service: service.sessions.metrics("eve", "s"),
    lambda service: recall(service, "secret", owner="eve"),
    lambda service: recall(service, None, owner="eve"),
    lambda service: service.recall.memory("eve", "s", "0" * 32),
    lambda service: service.sessions.delete("eve", "s"),
]


async def test_promise_7_another_owner_finds_nothing_and_changes_nothing(database_url: str) -> None:
    async with running(database_url) as service:
        await create(service)
        await store(service, "a secret")
        before = await service.sessions.metrics(OWNER, "s"), len(await rows(service, "events"))
        for call in CALLS:
            with pytest.raises(NotFound, match="session 's' not found"):
                await call(service)
        assert (
            await service.sessions.metrics(OWNER, "s"),
            len(await rows(service, "events")),
        ) == before
        assert (await service.sessions.page("eve", limit=10, cursor=None)).items == []
        await create(service, owner="eve")
        assert await recall(service, "secret", owner="eve") == []


async def test_creating_twice(database_url: str) -> None:
    async with running(database_url) as service:
        await create(service)
        await create(service)
        with pytest.raises(Conflict, match=f"dimension {DIMENSION}"):
            await create(service, dimension=DIMENSION + 1)


async def test_wrong_vectors_are_refused_and_change_nothing(database_url: str) -> None:
    async with running(database_url) as service:
        await create(service)
        for wrong in ([1.0], [0.0] * DIMENSION, [float("inf")] * DIMENSION):
            with pytest.raises(Invalid, match="response_embedding"):
                await service.conversation.store(
                    OWNER, session_id="s", response="x", response_embedding=wrong
                )
        with pytest.raises(Invalid, match="no embedder is configured"):
            await service.conversation.store(
                OWNER, session_id="s", response="x", response_embedding=None
            )
        assert (await service.sessions.metrics(OWNER, "s")).total_memories == 0


async def test_a_run_that_is_refused_makes_no_session(database_url: str) -> None:
    async with running(database_url) as service:
        with pytest.raises(Invalid):
            await service.conversation.run(
                OWNER, message="m", session_id=None, response="r", short_circuit_threshold=0.8,
                reset_context=False, learn=True, message_embedding=embedding("m"),
                response_embedding=[1.0],
            )  # fmt: skip
        assert (await service.sessions.page(OWNER, limit=10, cursor=None)).total == 0


async def test_lists_are_paged_newest_first(database_url: str) -> None:
    async with running(database_url) as service:
        for number in range(7):
            await create(service, f"s{number}")
        seen: list[str] = []
        cursor = None
        while True:
            page = await service.sessions.page(OWNER, limit=3, cursor=cursor)
            assert page.total == 7
            seen += [item.session_id for item in page.items]
            cursor = page.next_cursor
            if cursor is None:
                break
        assert seen == [f"s{number}" for number in reversed(range(7))]
        with pytest.raises(Malformed):
            await service.sessions.page(OWNER, limit=3, cursor="nonsense")


async def test_parallel_writers_on_one_session_lose_nothing(database_url: str) -> None:
    async with running(database_url) as service:
        await create(service)
        await asyncio.gather(*(store(service, f"fact {number}") for number in range(60)))
        assert (await service.sessions.metrics(OWNER, "s")).total_memories == 60


async def test_two_services_share_a_session(database_url: str) -> None:
    """Nothing acknowledged is lost, and each sees what the other committed."""
    async with (
        running(database_url, shared=True) as one,
        running(database_url, shared=True) as other,
    ):
        await create(one)

        async def write(service: Service, name: str) -> None:
            for number in range(25):
                await store(service, f"{name} says {number}")

        await asyncio.gather(*(write(s, n) for s, n in ((one, "one"), (other, "other")) * 2))
        for service in (one, other):
            metrics = await service.sessions.metrics(OWNER, "s")
            assert metrics.interaction_count == 100
            assert metrics.total_memories == 50
            assert (await recall(service, "one says 24"))[0].text == "one says 24"
        await other.sessions.delete(OWNER, "s")
        with pytest.raises(NotFound):
            await recall(one, "one says 24")
        await create(other)
        assert (await one.sessions.metrics(OWNER, "s")).total_memories == 0


async def test_a_copy_behind_a_snapshot_of_another_service_is_rebuilt(database_url: str) -> None:
    clock = HeldClock()
    async with (
        running(database_url, shared=True) as one,
        running(database_url, clock, shared=True) as other,
    ):
        await create(one)
        await store(one, "first")
        for number in range(20):
            await store(other, f"other says {number}")
        await evicted(other, clock)
        assert (await one.sessions.metrics(OWNER, "s")).total_memories == 21
        await store(one, "last")
        assert (await other.sessions.metrics(OWNER, "s")).total_memories == 22


async def test_the_pending_question_recalls_also_once_its_embedder_is_gone(
    database_url: str,
) -> None:
    async with running(database_url, embedder=Letters()) as service:
        await service.sessions.create(OWNER, "s", NewSession())
        for message in ("an abacus", "a cab"):
            await service.conversation.run(
                OWNER,
                message=message,
                session_id="s",
                response=None,
                short_circuit_threshold=0.85,
                reset_context=False,
                learn=True,
                message_embedding=None,
                response_embedding=None,
            )
        assert [each.text for each in await recall(service, None)] == ["an abacus"]
    async with running(database_url) as service:
        assert [each.text for each in await recall(service, None)] == ["an abacus"]
