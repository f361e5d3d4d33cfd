"""Regions on a real database: votes, majorities, realignment by figures, events followed."""

import asyncio
import json
from functools import partial
from typing import Any

import numpy as np
import pytest

from semvec.answers import Added
from semvec.errors import Conflict, NotFound, Unavailable
from semvec.service import Service
from semvec.store import Store, cluster_writes
from semvec.store.cluster_writes import Drifted
from tests import services
from tests.coordination import (
    STEADY,
    axis,
    cluster,
    consistent,
    drift,
    mean,
    member,
    pointing,
    region,
    session,
    talk,
    unit,
)
from tests.service.test_idempotency import asked
from tests.services import DIMENSION, OWNER, HeldClock, running

OTHER = "somebody else"


async def last_realignment(service: Service, region_id: str = "r") -> float | None:
    return (await service.regions.state(OWNER, region_id)).last_realignment


async def voting(service: Service, region_id: str = "r") -> int:
    return (await service.regions.state(OWNER, region_id)).voting_cluster_count


async def test_what_is_refused(database_url: str) -> None:
    async with running(database_url) as service:
        await region(service)
        await cluster(service, dimension=DIMENSION + 1)
        await cluster(service, "theirs", OTHER)
        await services.create(service, "s")
        with pytest.raises(Conflict, match="vectors of 9 numbers, region 'r' of 8"):
            await service.regions.attach(OWNER, "r", "c")
        for name in ("theirs", "s", "r", "nobody"):
            with pytest.raises(NotFound, match=f"cluster '{name}' not found"):
                await service.regions.attach(OWNER, "r", name)
            with pytest.raises(NotFound, match=f"cluster '{name}' not found"):
                await service.regions.detach(OWNER, "r", name)
        for name in ("c", "s", "nobody"):
            with pytest.raises(NotFound, match=f"region '{name}' not found"):
                await service.regions.state(OWNER, name)
            with pytest.raises(NotFound, match=f"region '{name}' not found"):
                await service.regions.events(OWNER, name, limit=9, cursor=None)
            with pytest.raises(NotFound, match=f"region '{name}' not found"):
                await service.regions.delete(OWNER, name)


async def test_clusters_come_and_go(database_url: str) -> None:
    async with running(database_url) as service:
        await cluster(service)
        await region(service, "c")
        assert not (await service.regions.attach(OWNER, "r", "c")).added
        assert (await service.regions.detach(OWNER, "r", "c")).removed
        with pytest.raises(NotFound, match="is not in region"):
            await service.regions.detach(OWNER, "r", "c")
        assert (await service.regions.attach(OWNER, "r", "c")).added
        assert (await service.regions.delete(OWNER, "r")).deleted
        assert await services.rows(service, "region_clusters") == []
        assert await services.rows(service, "regions") == []
        with pytest.raises(NotFound, match="session 'r' not found"):
            await service.sessions.metrics(OWNER, "r")
        assert (await service.clusters.state(OWNER, "c")).member_count == 0


async def test_a_drift_goes_to_every_region_that_holds_the_cluster(database_url: str) -> None:
    clock = HeldClock()
    async with running(database_url, clock) as service:
        for name in ("c", "d", "e"):
            await cluster(service, name)
        for name, held in (("one", ("c", "d", "e")), ("two", ("c", "d")), ("none", ("d", "e"))):
            await region(service, *held, region_id=name)
        await drift(service, "c")
        for name in ("one", "two"):
            (event,) = (await service.regions.state(OWNER, name)).recent_drift_events
            assert (event.cluster_id, event.region_id, event.event_id) == ("c", name, 1)
            assert (event.drift_phase, event.timestamp) == ("drifted", clock.now)
            assert event.drift_score > 0.5
            assert await voting(service, name) == 1
        assert (await service.regions.state(OWNER, "none")).recent_drift_events == []


async def test_a_cluster_is_in_so_many_regions_and_no_more(database_url: str) -> None:
    """Its drifts are told to all of them at once."""
    async with running(database_url) as service:
        await cluster(service)
        for number in range(cluster_writes.MAX_REGIONS_OF_CLUSTER - 1):
            await region(service, "c", region_id=f"r{number}")
        await asyncio.gather(*(region(service, region_id=name) for name in ("one", "more")))
        both = (service.regions.attach(OWNER, name, "c") for name in ("one", "more"))
        done = await asyncio.gather(*both, return_exceptions=True)
        assert sorted(map(type, done), key=str) == [Added, Conflict]
        await drift(service, "c")
        events = await services.rows(service, "drift_events")
        assert len(events) == cluster_writes.MAX_REGIONS_OF_CLUSTER


async def test_members_drift_in_silence_and_so_does_what_is_not_learnt(database_url: str) -> None:
    async with running(database_url) as service:
        await cluster(service)
        await region(service, "c", threshold=0.0)
        await member(service, "s")
        await drift(service, "s")
        for number in range(4):
            await talk(service, "c", 0, f"steady {number}")
        answer = await service.conversation.run(
            OWNER,
            message="something else",
            session_id="c",
            response=None,
            short_circuit_threshold=0.85,
            reset_context=False,
            learn=False,
            message_embedding=axis(1),
            response_embedding=None,
        )
        assert answer.drift_detected
        assert await services.rows(service, "drift_events") == []
        assert await last_realignment(service) is None


async def test_a_majority_realigns_by_each_clusters_coupling(database_url: str) -> None:
    clock = HeldClock()
    async with running(database_url, clock) as service:
        for name, coupling, subject in (("c", 0.5, 0), ("d", 0.25, 1), ("e", 0.0, 2)):
            await cluster(service, name, coupling=coupling)
            await member(service, f"of {name}"[3:] + "m", subject, cluster_id=name)
        await region(service, "c", "d", "e")
        await cluster(service, "outside")
        await drift(service, "outside")
        await drift(service, "c")
        assert await last_realignment(service) is None
        directions = [await pointing(service, name) for name in ("c", "d", "e")]
        direction = unit(np.mean(directions, axis=0))
        for number in range(4):
            await talk(service, "d", 3, f"steady {number}")
        before = {name: await mean(service, name) for name in ("c", "e", "outside", "cm")}
        # What the last turn will make of d, without a realignment, boosted as it drifts:
        twin = await twin_of(service)
        clock.now += 5
        assert (await talk(service, "d", 4, "suddenly")).drift_detected
        assert await last_realignment(service) == clock.now
        assert await voting(service) == 0
        for name, share in (("c", 0.5), ("e", 0.0), ("outside", 0.0), ("cm", 0.0)):
            expected = (1 - share) * before[name] + share * direction
            np.testing.assert_allclose(await mean(service, name), expected, atol=1e-6)
        expected = 0.75 * twin + 0.25 * direction
        np.testing.assert_allclose(await mean(service, "d"), expected, atol=1e-6)
        meta = await session(service, "r")
        assert (meta.state.interaction_count, meta.total_memories) == (1, 0)
        np.testing.assert_allclose(meta.state.mean, direction, atol=1e-6)
        await consistent(service, "c", "d", "e", "r")
        seqs = [(await session(service, name)).seq for name in ("e", "outside")]
        assert seqs == [1, 6]


async def twin_of(service: Service) -> Any:
    """The state of d after the turn that is to come, had it no region."""
    await cluster(service, "twin")
    for number in range(4):
        await talk(service, "twin", 3, f"steady {number}")
    assert (await talk(service, "twin", 4, "suddenly")).drift_detected
    return await mean(service, "twin")


async def test_votes_are_over_after_their_window(database_url: str) -> None:
    clock = HeldClock()
    async with running(database_url, clock) as service:
        for name in ("c", "d", "e"):
            await cluster(service, name)
        await region(service, "c", "d", "e", window_s=10.0)
        await drift(service, "c")
        clock.now += 10
        await drift(service, "d")
        assert await last_realignment(service) is None
        assert await voting(service) == 1
        clock.now += 9.9
        await drift(service, "e")
        assert await last_realignment(service) == clock.now


async def test_a_cluster_that_drifts_twice_is_one_voter(database_url: str) -> None:
    async with running(database_url) as service:
        for name in ("c", "d"):
            await cluster(service, name)
        await region(service, "c", "d")
        await drift(service, "c")
        await drift(service, "c", since=1, to=2)
        assert await last_realignment(service) is None
        page = await service.regions.events(OWNER, "r", limit=9, cursor=None)
        assert [each.event_id for each in page.items] == [2, 1]


@pytest.mark.parametrize("how", ["detach", "delete"])
async def test_fewer_clusters_may_make_a_majority(database_url: str, how: str) -> None:
    clock = HeldClock()
    async with running(database_url, clock) as service:
        for name in ("c", "d"):
            await cluster(service, name)
        await region(service, "c", "d")
        await drift(service, "c")
        assert await last_realignment(service) is None
        if how == "detach":
            await service.regions.detach(OWNER, "r", "d")
        else:
            await service.clusters.delete(OWNER, "d")
        assert await last_realignment(service) == clock.now


async def test_a_vote_leaves_with_its_cluster(database_url: str) -> None:
    async with running(database_url) as service:
        for name in ("c", "d", "e"):
            await cluster(service, name)
        await region(service, "c", "d", "e")
        await drift(service, "c")
        await service.regions.detach(OWNER, "r", "c")
        assert await services.rows(service, "votes") == []
        await drift(service, "d")
        assert await last_realignment(service) is None
        await service.clusters.delete(OWNER, "d")
        assert await services.rows(service, "votes") == []
        assert [each[1] for each in await services.rows(service, "drift_events")] == [1, 2]


async def test_a_vote_is_there_with_the_turn_that_raised_it_or_not_at_all(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a cluster is attached between the look and the commit, the turn is decided again."""
    async with running(database_url) as service:
        await cluster(service)
        await region(service, region_id="late")
        await region(service, "c")
        attach, attached = Drifted.decide, asyncio.Event()

        def late(self: Drifted, connection: Any) -> bool:
            if not attached.is_set():
                attached.set()
                return False
            return attach(self, connection)

        monkeypatch.setattr(Drifted, "decide", late)
        await drift(service, "c")
        assert attached.is_set()
        assert len(await services.rows(service, "drift_events")) == 1
        found = await session(service, "c")
        assert (found.seq, found.state.interaction_count) == (6, 5)
        assert await last_realignment(service) is not None
        await consistent(service, "c")


@pytest.mark.parametrize("failure", [Unavailable("the disk is full"), RuntimeError("a bug")])
async def test_a_failing_review_leaves_the_vote_to_the_sweep(
    database_url: str, monkeypatch: pytest.MonkeyPatch, failure: Exception
) -> None:
    clock = HeldClock()
    async with running(database_url, clock) as service:
        await cluster(service)
        await region(service, "c")

        async def fails(store: Store, *parts: Any) -> bool:
            raise failure

        with monkeypatch.context() as broken:
            broken.setattr(Store, "try_transact", fails)
            broken.setattr(Store, "append", appended)
            await drift(service, "c")
            await service._realigning.sweep()
        assert await last_realignment(service) is None
        await service._realigning.sweep()
        assert await last_realignment(service) == clock.now
        assert await services.rows(service, "votes") == []


async def test_who_has_learnt_is_told_so_although_no_region_hears_of_it(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client that got an error would send the same again, and it would be learnt twice."""
    clock = HeldClock()
    look, looks = Store.query, []

    async def fails_behind_the_commit(store: Store, function: Any, *args: Any) -> Any:
        looks.append(function is cluster_writes.regions_of)
        if sum(looks) == 2:
            raise Unavailable("storage cannot read")
        return await look(store, function, *args)

    async with running(sqlite_url, clock) as service:
        await cluster(service)
        await region(service, "c")
        with monkeypatch.context() as broken:
            broken.setattr(Store, "query", fails_behind_the_commit)
            await drift(service, "c")
        assert sum(looks) == 2
        assert await last_realignment(service) is None
        await service._realigning.sweep()
        assert await last_realignment(service) == clock.now


async def appended(store: Store, *parts: Any) -> bool:
    return await store.transact(*parts) == ()


async def test_the_sweep_forgets_votes_whose_time_is_over(database_url: str) -> None:
    clock = HeldClock()
    async with running(database_url, clock) as service:
        for name in ("c", "d"):
            await cluster(service, name)
        await region(service, "c", "d", window_s=10.0)
        await drift(service, "c")
        clock.now += 9
        await service._realigning.sweep()
        assert len(await services.rows(service, "votes")) == 1
        clock.now += 1
        await service._realigning.sweep()
        assert await services.rows(service, "votes") == []
        assert await last_realignment(service) is None


async def test_history_is_kept_up_to_its_cap(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster_writes, "MAX_DRIFT_EVENTS", 3)
    async with running(database_url) as service:
        for name in ("c", "d", "e"):
            await cluster(service, name)
        await region(service, "c", "d", "e")
        for number in range(5):
            await drift(service, "c", since=number, to=number + 1)
        found, cursor = [], None
        while True:
            page = await service.regions.events(OWNER, "r", limit=2, cursor=cursor)
            found.append([each.event_id for each in page.items])
            assert page.total == 3
            if (cursor := page.next_cursor) is None:
                break
        assert found == [[5, 4], [3]]
        assert await voting(service) == 1


async def test_pages_of_regions(database_url: str) -> None:
    async with running(database_url) as service:
        await cluster(service)
        for n in range(3):
            await region(service, *("c" * (n == 1)), region_id=f"r{n}")
        await region(service, region_id="theirs", owner=OTHER)
        page = await service.regions.page(OWNER, limit=2, cursor=None)
        assert [(each.region_id, each.cluster_count) for each in page.items] == [
            ("r2", 0),
            ("r1", 1),
        ]
        rest = await service.regions.page(OWNER, limit=2, cursor=page.next_cursor)
        assert ([each.region_id for each in rest.items], rest.total) == (["r0"], 3)
        assert rest.next_cursor is None


async def test_two_servers_realign_once(postgres_url: str) -> None:
    """The votes that make the majority come in on both at once, thirty times."""
    clock = HeldClock()
    async with (
        running(postgres_url, clock) as one,
        running(postgres_url, clock) as other,
    ):
        for name in ("c", "d"):
            await cluster(one, name, coupling=0.5)
            await member(one, f"{name}m", 0, cluster_id=name)
        await region(one, "c", "d")
        for number in range(30):
            clock.now += 1
            await asyncio.gather(
                drift(one, "c", since=number, to=number + 1),
                drift(other, "d", since=number, to=number + 1),
            )
            assert await last_realignment(one) == await last_realignment(other) == clock.now
            rounds = number + 1
            seqs = [(await session(one, name)).seq for name in ("r", "c", "d")]
            assert seqs == [1 + rounds, 1 + 6 * rounds, 1 + 6 * rounds]
        for service in (one, other):
            await consistent(service, "c", "d", "r")


async def test_events_are_followed_from_one_on(database_url: str) -> None:
    async with running(database_url) as service:
        for name in ("c", "d", "e"):
            await cluster(service, name)
        await region(service, "c", "d", "e")
        await drift(service, "c")
        fresh, whole, ahead = [
            await service.regions.follow(OWNER, "r", after) for after in (None, 0, 99)
        ]
        assert [number for number, _ in await whole.read(whole.after)] == [1]
        wake = asyncio.Event()
        with fresh.notifier.subscribed(fresh.topic, wake):
            await drift(service, "c", since=1, to=2)
            assert wake.is_set()
        for feed in (fresh, ahead):
            ((number, event),) = await feed.read(feed.after)
            assert (number, event.event_id, event.cluster_id) == (2, 2, "c")


async def test_a_feed_ends_with_its_region(database_url: str) -> None:
    async with running(database_url) as service:
        await region(service)
        feed, wake = await service.regions.follow(OWNER, "r", None), asyncio.Event()
        with feed.notifier.subscribed(feed.topic, wake):
            await service.regions.delete(OWNER, "r")
            assert wake.is_set()
        with pytest.raises(NotFound, match="region 'r' not found"):
            await feed.read(feed.after)


async def test_a_feed_has_what_another_server_is_told(postgres_url: str) -> None:
    async with running(postgres_url) as one, running(postgres_url) as other:
        await cluster(one)
        await region(one, "c")
        feed = await other.regions.follow(OWNER, "r", None)
        await drift(one, "c")
        ((_, event),) = await feed.read(feed.after)
        assert (event.cluster_id, event.event_id) == ("c", 1)


async def test_a_drift_under_a_key_is_one_effect(database_url: str) -> None:
    """The region realigns after it, and a repeat votes no second time."""
    async with running(database_url) as service:
        await cluster(service, coupling=0.5)
        await member(service, "s", 3)
        await region(service, "c")
        for number in range(STEADY):
            await talk(service, "c", 0, f"steady {number}")
        act = partial(talk, service, "c", 1, "suddenly")
        first = await service.repeats.answer(asked(act, about="c"))
        again = await service.repeats.answer(asked(act, about="c"))
        assert json.loads(first.body)["drift_detected"]
        assert (again.body, again.replayed) == (first.body, True)
        assert len((await service.regions.events(OWNER, "r", limit=9, cursor=None)).items) == 1
        assert (await service.regions.state(OWNER, "r")).last_realignment is not None
        meta = await session(service, "r")
        assert meta.state.interaction_count == 1
        np.testing.assert_allclose(meta.state.mean, unit(axis(3)), atol=1e-6)
        await consistent(service, "c", "r")
