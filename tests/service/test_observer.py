"""The observer of a licence subject: one, its regions, its log."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from semvec.errors import Conflict, Malformed, NotFound
from semvec.service import Service, observer_sampler
from tests.observers import cluster, observe, put, region, sampled
from tests.services import OWNER, HeldClock, running


@pytest.fixture(autouse=True)
def by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    """No server samples by itself."""
    monkeypatch.setattr(observer_sampler, "LOOKS_S", 3600.0)


async def test_there_is_one_for_each_subject(database_url: str) -> None:
    async with running(database_url) as service:
        await region(service, "r")
        info, made = await service.observer.create(OWNER, interval_s=5.0, region_ids=["r", "r"])
        assert made
        assert info.registered_regions == 1
        again = await service.observer.create(OWNER, interval_s=50.0, region_ids=[])
        assert again == (info, False)
        assert (await service.observer.summary(OWNER)).sample_interval_seconds == 5.0
        theirs, made = await service.observer.create("bea", interval_s=5.0, region_ids=[])
        assert made
        assert theirs.observer_id != info.observer_id


async def test_of_creations_at_once_one_makes_it(database_url: str) -> None:
    async with running(database_url) as service:
        await made_once(service)


async def test_of_creations_on_two_servers_one_makes_it(postgres_url: str) -> None:
    async with running(postgres_url) as one, running(postgres_url) as other:
        await made_once(one, other)


async def made_once(*services: Service) -> None:
    done = await asyncio.gather(
        *(each.observer.create(OWNER, interval_s=30.0, region_ids=[]) for each in services * 4)
    )
    assert sum(made for _, made in done) == 1
    assert len({info.observer_id for info, _ in done}) == 1


async def test_regions_of_others_are_not_found(database_url: str) -> None:
    """Before an observer is there, and after."""
    async with running(database_url) as service:
        await region(service, "theirs", owner="bea")
        await region(service, "mine")
        for _ in range(2):
            with pytest.raises(NotFound, match="region 'theirs' not found"):
                await service.observer.create(OWNER, interval_s=5.0, region_ids=["mine", "theirs"])
            if not (await exists(service)):
                await observe(service, "mine")
        for change in (service.observer.register, service.observer.unregister):
            with pytest.raises(NotFound, match="region 'theirs' not found"):
                await change(OWNER, "theirs")
        assert (await service.observer.summary(OWNER)).registered_regions == 1


async def exists(service: Service) -> bool:
    try:
        await service.observer.summary(OWNER)
    except NotFound:
        return False
    return True


async def test_without_an_observer_there_is_nothing_to_ask(database_url: str) -> None:
    async with running(database_url) as service:
        await region(service, "r")
        await observe(service, owner="bea")
        asking: list[Callable[[], Awaitable[Any]]] = [
            lambda: service.observer.summary(OWNER),
            lambda: service.observer.page(OWNER, limit=1, cursor=None),
            lambda: service.observer.clear(OWNER),
            lambda: service.observer.register(OWNER, "r"),
            lambda: service.observer.unregister(OWNER, "r"),
            lambda: service.observer.follow(OWNER, None),
            lambda: service.sampling.sample(OWNER),
        ]
        for ask in asking:
            with pytest.raises(NotFound, match="observer not found"):
                await ask()


async def test_regions_come_and_go(database_url: str) -> None:
    async with running(database_url) as service:
        await cluster(service, "c")
        await region(service, "r", "c")
        await region(service, "q", "c")
        await observe(service)
        assert (await service.observer.register(OWNER, "r")).registered
        assert not (await service.observer.register(OWNER, "r")).registered
        assert (await service.observer.register(OWNER, "q")).registered
        summary = await service.observer.summary(OWNER)
        assert (summary.registered_regions, summary.total_clusters_observed) == (2, 1)
        assert (await service.observer.unregister(OWNER, "q")).unregistered
        with pytest.raises(NotFound, match="is not registered"):
            await service.observer.unregister(OWNER, "q")
        await service.regions.delete(OWNER, "r")
        summary = await service.observer.summary(OWNER)
        assert (summary.registered_regions, summary.total_clusters_observed) == (0, 0)
        with pytest.raises(NotFound, match="region 'r' not found"):
            await service.observer.unregister(OWNER, "r")


async def test_its_session_stands_behind_it(database_url: str) -> None:
    async with running(database_url) as service:
        info = await observe(service)
        metrics = await service.sessions.metrics(OWNER, info.meta_session_id)
        assert metrics.interaction_count == 0
        assert (await service.sessions.page(OWNER, limit=10, cursor=None)).items == []
        with pytest.raises(Conflict, match="the observer"):
            await service.sessions.delete(OWNER, info.meta_session_id)


async def drifting(service: Service, clock: HeldClock, times: int) -> None:
    """So many anomalies, a second apart."""
    for _ in range(times):
        await put(service, "c", drift_phase="stable")
        assert await sampled(service) == []
        clock.now += 1.0
        await put(service, "c", drift_phase="drifted")
        assert len(await sampled(service)) == 1


async def test_the_log_is_paged_newest_first_and_emptied(database_url: str) -> None:
    clock = HeldClock()
    async with running(database_url, clock) as service:
        start = clock.now
        await cluster(service, "c")
        await region(service, "r", "c")
        await observe(service, "r")
        await drifting(service, clock, 5)
        times: list[float] = []
        cursor: str | None = None
        for expected in (2, 2, 1):
            page = await service.observer.page(OWNER, limit=2, cursor=cursor)
            assert (len(page.items), page.total) == (expected, 5)
            times += [each.detected_at - start for each in page.items]
            cursor = page.next_cursor
        assert cursor is None
        assert times == [5.0, 4.0, 3.0, 2.0, 1.0]
        with pytest.raises(Malformed, match="cursor"):
            await service.observer.page(OWNER, limit=2, cursor="x")
        summary = await service.observer.summary(OWNER)
        assert summary.anomaly_count == 5
        assert [each.detected_at - start for each in summary.recent_anomalies] == times
        assert (await service.observer.clear(OWNER)).cleared == 5
        assert (await service.observer.clear(OWNER)).cleared == 0
        assert (await service.observer.summary(OWNER)).recent_anomalies == []
        assert await sampled(service) == []  # it stands, and was reported
        await drifting(service, clock, 1)
        assert (await service.observer.summary(OWNER)).anomaly_count == 1


async def test_followers_get_what_comes_after_their_last(database_url: str) -> None:
    clock = HeldClock()
    async with running(database_url, clock) as service:
        await cluster(service, "c")
        await region(service, "r", "c")
        await observe(service, "r")
        early = await service.observer.follow(OWNER, None)
        wake = asyncio.Event()
        with early.notifier.subscribed(early.topic, wake):
            await drifting(service, clock, 3)
            assert wake.is_set()
        assert [number for number, _ in await early.read(early.after)] == [1, 2, 3]
        resumed = await service.observer.follow(OWNER, 2)
        ((number, found),) = await resumed.read(resumed.after)
        assert (number, found.detected_at, found.type) == (3, clock.now, "systemic_drift")
        late = await service.observer.follow(OWNER, None)
        assert await late.read(late.after) == []
        await service.observer.clear(OWNER)
        await drifting(service, clock, 1)
        assert [number for number, _ in await late.read(late.after)] == [4]
        ahead = await service.observer.follow(OWNER, 1000)
        assert ahead.after == 4
