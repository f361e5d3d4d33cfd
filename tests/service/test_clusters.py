"""Clusters on a real database: membership, what they point at, feedback by figures."""

import asyncio
from itertools import count

import numpy as np
import pytest

from semvec.errors import Conflict, Invalid, Malformed, NotFound
from semvec.intake import NewSession
from semvec.service import Service
from tests import services
from tests.coordination import (
    axis,
    cluster,
    consistent,
    mean,
    member,
    pointing,
    region,
    session,
    talk,
    unit,
)
from tests.services import DIMENSION, OWNER, HeldClock, running

OTHER = "somebody else"


async def test_ids_of_sessions_clusters_and_regions_are_one_namespace(database_url: str) -> None:
    async with running(database_url) as service:
        await services.create(service, "s")
        await cluster(service, "c")
        await region(service, region_id="r")
        for taken in ("s", "c", "r"):
            with pytest.raises(Conflict, match=f"'{taken}' exists"):
                await cluster(service, taken)
            with pytest.raises(Conflict, match=f"'{taken}' exists"):
                await region(service, region_id=taken)
        again = await service.sessions.create(OWNER, "c", NewSession(dimension=DIMENSION))
        assert not again.created
        for other in ("s", "c", "r"):
            await cluster(service, other, owner=OTHER)
        made = [await cluster(service, None) for _ in range(2)]
        assert made[0].cluster_id != made[1].cluster_id


async def test_of_clusters_made_at_once_under_one_id_one_is(database_url: str) -> None:
    async with running(database_url) as service:
        made = await asyncio.gather(
            *(cluster(service, "c", name=f"n{n}") for n in range(9)),
            *(region(service, region_id="c", name=f"r{n}") for n in range(9)),
            return_exceptions=True,
        )
        assert sum(isinstance(each, Conflict) for each in made) == len(made) - 1
        tables = [len(await services.rows(service, name)) for name in ("clusters", "regions")]
        assert sorted(tables) == [0, 1]
        assert len(await services.rows(service, "sessions")) == 1


async def test_what_is_refused(database_url: str) -> None:
    async with running(database_url) as service:
        with pytest.raises(Malformed, match="aggregation_mode is 'median'"):
            await cluster(service, mode="median")
        with pytest.raises(Invalid, match="no embedder is configured"):
            await cluster(service, dimension=None)
        await cluster(service)
        await services.create(service, "long", dimension=DIMENSION + 1)
        await services.create(service, "theirs", OTHER)
        await cluster(service, "other")
        await region(service)
        with pytest.raises(Conflict, match="vectors of 9 numbers"):
            await service.clusters.add(OWNER, "c", "long")
        for inner in ("c", "other", "r"):
            with pytest.raises(Conflict, match="stands behind a cluster or a region"):
                await service.clusters.add(OWNER, "c", inner)
        for missing in ("theirs", "nobody"):
            with pytest.raises(NotFound, match=f"session '{missing}' not found"):
                await service.clusters.add(OWNER, "c", missing)
            with pytest.raises(NotFound, match=f"session '{missing}' not found"):
                await service.clusters.remove(OWNER, "c", missing)
        for name in ("long", "r", "nobody"):
            with pytest.raises(NotFound, match=f"cluster '{name}' not found"):
                await service.clusters.state(OWNER, name)
            with pytest.raises(NotFound, match=f"cluster '{name}' not found"):
                await service.clusters.check(OWNER, name)
        with pytest.raises(NotFound, match="is not the one behind"):
            await service.clusters.check(OWNER, "c", "long")
        for name, owned in (("c", "cluster"), ("r", "region")):
            with pytest.raises(Conflict, match=f"goes with the {owned}"):
                await service.sessions.delete(OWNER, name)


async def test_members_come_and_go(database_url: str) -> None:
    async with running(database_url) as service:
        await cluster(service)
        await member(service, "s")
        await member(service, "t")
        again = await service.clusters.add(OWNER, "c", "s")
        assert not again.added
        assert (await service.clusters.remove(OWNER, "c", "s")).removed
        with pytest.raises(NotFound, match="is no member"):
            await service.clusters.remove(OWNER, "c", "s")
        await service.sessions.delete(OWNER, "t")
        assert (await service.clusters.state(OWNER, "c")).member_count == 0
        assert await services.rows(service, "members") == []
        await member(service, "t")
        assert (await service.clusters.state(OWNER, "c")).member_count == 1


async def test_backing_sessions_are_not_listed_and_go_with_their_cluster(
    database_url: str,
) -> None:
    async with running(database_url) as service:
        await cluster(service)
        await member(service, "s", 0)
        await region(service, "c")
        await talk(service, "c", 2, "for all")
        page = await service.sessions.page(OWNER, limit=10, cursor=None)
        assert ([each.session_id for each in page.items], page.total) == (["s"], 1)
        assert (await service.clusters.delete(OWNER, "c")).deleted
        for table in ("clusters", "members", "region_clusters"):
            assert await services.rows(service, table) == []
        with pytest.raises(NotFound, match="cluster 'c' not found"):
            await service.clusters.delete(OWNER, "c")
        with pytest.raises(NotFound, match="session 'c' not found"):
            await service.sessions.metrics(OWNER, "c")
        assert (await service.sessions.metrics(OWNER, "s")).interaction_count == 1
        assert (await service.regions.state(OWNER, "r")).cluster_count == 0


async def test_a_cluster_points_where_its_members_do(database_url: str) -> None:
    async with running(database_url) as service:
        await cluster(service)
        await cluster(service, "keen", mode="attention")
        assert not (await pointing(service)).any()
        await member(service, "s", 0, 0, 0)
        await member(service, "t", 1)
        for name in ("s", "t"):
            await service.clusters.add(OWNER, "keen", name)
        first, second = unit(axis(0)), unit(axis(1))
        np.testing.assert_allclose(await pointing(service), unit(3 * first + second), atol=1e-6)
        np.testing.assert_allclose(await pointing(service, "keen"), unit(first + second), atol=1e-6)
        await talk(service, "keen", 1, "what it looks for")
        weights = np.exp(np.array([first @ second, 1.0]) / 0.1)
        expected = unit(weights[0] * first + weights[1] * second)
        np.testing.assert_allclose(await pointing(service, "keen"), expected, atol=1e-5)
        state = await service.clusters.state(OWNER, "keen")
        assert (state.interaction_count, state.total_memories, state.member_count) == (1, 1, 2)
        assert (state.phase, state.drift_phase) == ("initialization", "stable")


@pytest.mark.parametrize("resident", [True, False])
async def test_feedback_moves_members_by_the_coupling_factor(
    database_url: str, resident: bool
) -> None:
    clock = HeldClock()
    async with running(database_url, clock) as service:
        await cluster(service, coupling=0.25)
        await member(service, "s", 0, 0, 2)
        await member(service, "t", 1)
        await member(service, "new")
        names = ("s", "t", "new")
        direction = await pointing(service)
        before = {name: await mean(service, name) for name in names}
        if not resident:
            await services.evicted(service, clock)
        answer = await service.clusters.feedback(OWNER, "c")
        assert answer.sessions_updated == 3
        assert service.resident == (4 if resident else 0)
        for name in names:
            after = await mean(service, name)
            np.testing.assert_allclose(after, 0.75 * before[name] + 0.25 * direction, atol=1e-6)
        assert (await session(service, "new")).state.prior_weight == 1
        assert (await session(service, "s")).state.prior_weight == 0
        assert (await service.sessions.metrics(OWNER, "s")).interaction_count == 3
        await consistent(service, *names)


async def test_feedback_without_coupling_or_direction_moves_nobody(database_url: str) -> None:
    async with running(database_url) as service:
        await cluster(service, coupling=0.0)
        await member(service, "s", 0)
        await cluster(service, "empty")
        await member(service, "t", cluster_id="empty")
        before = await services.rows(service, "events")
        for name in ("c", "empty"):
            assert (await service.clusters.feedback(OWNER, name)).sessions_updated == 0
        assert await services.rows(service, "events") == before


async def test_feedback_beside_conversations_of_the_members(database_url: str) -> None:
    """Every feedback and every turn takes effect, in one order for each session."""
    async with running(database_url) as service:
        await cluster(service, coupling=0.1)
        for name in ("s", "t"):
            await member(service, name, 0)
        numbers = count()

        async def chat(name: str) -> None:
            for _ in range(20):
                await talk(service, name, 1, f"{name} {next(numbers)}")

        async def couple() -> None:
            for _ in range(10):
                assert (await service.clusters.feedback(OWNER, "c")).sessions_updated == 2

        await asyncio.gather(chat("s"), chat("t"), couple(), couple())
        for name in ("s", "t"):
            found = await session(service, name)
            assert (found.seq, found.state.interaction_count) == (1 + 21 + 20, 21)
        await consistent(service, "s", "t")


async def test_long_journals_of_idle_members_get_snapshots(database_url: str) -> None:
    clock = HeldClock()
    async with running(database_url, clock) as service:
        await cluster(service, coupling=0.5)
        await member(service, "s", 0)
        for _ in range(150):
            await services.evicted(service, clock)
            await service.clusters.feedback(OWNER, "c")
        head = await service.database.head(OWNER, "s")
        assert head is not None
        assert len((await service.database.tail(head.key, 0)).events) <= 2 * 128
        await consistent(service, "s")


async def test_feedback_moves_more_members_than_may_be_in_memory(database_url: str) -> None:
    """Also those that have to be loaded for it, as an earlier release wrote them."""
    clock = HeldClock()
    async with running(database_url, clock, max_sessions=1) as service:
        await cluster(service, coupling=0.5)
        for name in ("s", "t", "u"):
            await member(service, name, 0)
        await services.evicted(service, clock)
        await forget(service)
        assert (await service.clusters.feedback(OWNER, "c")).sessions_updated == 3
        await consistent(service, "s", "t", "u")


async def test_a_message_comes_with_its_answer_as_one_memory(database_url: str) -> None:
    async with running(database_url) as service:
        await cluster(service)
        await services.run(service, "a question that waits", session_id="c")
        answer = await service.conversation.store_exchange(
            OWNER,
            session_id="c",
            message="where?",
            response="in Turin",
            message_embedding=axis(0),
            response_embedding=axis(1),
        )
        found = await session(service, "c")
        texts = [record.text for record in found.memories.records_after(0)]
        assert sorted(texts) == ["a question that waits", "where?\nin Turin"]
        assert found.memories.content(found.memories.row(2)).hash == answer.memory_hash
        assert found.pending is None
        np.testing.assert_allclose(
            found.state.mean,
            0.5 * unit(services.embedding("a question that waits"))
            + 0.5 * unit(unit(axis(0)) + unit(axis(1))),
            atol=1e-6,
        )
        assert answer.drift_detected == any(
            switch.interaction_count for switch in found.state.switches
        )
        await consistent(service, "c")


async def test_pages_of_clusters(database_url: str) -> None:
    async with running(database_url) as service:
        for n in range(5):
            await cluster(service, f"c{n}", name=f"number {n}")
        await cluster(service, "theirs", owner=OTHER)
        await member(service, "s", cluster_id="c3")
        found, cursor = [], None
        while True:
            page = await service.clusters.page(OWNER, limit=2, cursor=cursor)
            found.append([(each.cluster_id, each.member_count) for each in page.items])
            assert page.total == 5
            if (cursor := page.next_cursor) is None:
                break
        assert found == [[("c4", 0), ("c3", 1)], [("c2", 0), ("c1", 0)], [("c0", 0)]]


async def test_members_of_an_earlier_release_are_rebuilt(database_url: str) -> None:
    """Their heads do not tell of their states."""
    clock = HeldClock()
    async with running(database_url, clock) as service:
        await cluster(service)
        await services.create(service, "s")
        await talk(service, "s", 3, "before the update")
        await forget(service)
        assert (await service.clusters.add(OWNER, "c", "s")).added
        np.testing.assert_allclose(await pointing(service), unit(axis(3)), atol=1e-6)
        await services.evicted(service, clock)
        before = await mean(service, "s")
        await services.evicted(service, clock)
        assert (await service.clusters.feedback(OWNER, "c")).sessions_updated == 1
        after = 0.5 * before + 0.5 * unit(axis(3))
        np.testing.assert_allclose(await mean(service, "s"), after, atol=1e-6)
        await services.create(service, "long", dimension=DIMENSION + 1)
        await forget(service)
        with pytest.raises(Conflict, match="vectors of 9 numbers"):
            await service.clusters.add(OWNER, "c", "long")


async def forget(service: Service) -> None:
    """Leave the heads of plain sessions as an earlier release wrote them."""
    async with service.database.engine.begin() as connection:
        await connection.exec_driver_sql(
            "UPDATE sessions SET mean = NULL, dimension = NULL, phase = NULL, drift_phase = NULL "
            "WHERE kind = 0"
        )
