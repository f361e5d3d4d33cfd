"""Samples: each anomaly exactly when its rule says and once until it clears, each sample once."""

import asyncio
import logging
import random
from dataclasses import dataclass

import pytest

from semvec import answers
from semvec.errors import Unavailable
from semvec.service import Service, observer_sampler
from semvec.store.observer_queries import due
from tests.observers import (
    SETTLED,
    STEADY,
    cluster,
    observe,
    put,
    region,
    sampled,
    talk,
)
from tests.services import OWNER, HeldClock, running


@pytest.fixture(autouse=True)
def by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    """No server samples by itself but where a test has it do so."""
    monkeypatch.setattr(observer_sampler, "LOOKS_S", 3600.0)


async def test_systemic_drift_is_told_when_more_than_half_drift(database_url: str) -> None:
    clock = HeldClock()
    async with running(database_url, clock) as service:
        for name in "abc":
            await cluster(service, name)
            await talk(service, name, 0, STEADY)
        await region(service, "r", "a", "b")
        await region(service, "q", "c")
        await observe(service, "r", "q")
        assert await sampled(service) == []
        assert (await talk(service, "a", 1)).drift_phase == "drifted"
        assert await sampled(service) == []
        assert (await talk(service, "b", 1)).drift_phase == "drifted"
        clock.now += 7.0
        (found,) = await sampled(service)
        assert (found.type, found.detected_at) == ("systemic_drift", clock.now)
        expected = {"drifting_count": 2, "cluster_count": 3, "cluster_ids": ["a", "b"]}
        assert found.details == expected
        assert (await talk(service, "c", 1)).drift_phase == "drifted"
        assert await sampled(service) == []  # the same condition stands
        for name in "abc":
            while (await talk(service, name, 1)).drift_phase != "stable":
                pass
        assert await sampled(service) == []
        for name in "bc":
            await talk(service, name, 2)
        ((again),) = await sampled(service)
        assert again.details["cluster_ids"] == ["b", "c"]


async def test_convergence_is_told_when_three_clusters_of_two_regions_agree(
    database_url: str,
) -> None:
    async with running(database_url) as service:
        for name in "abc":
            await cluster(service, name)
        await region(service, "r", "a", "b")
        await region(service, "q", "c")
        await observe(service, "r", "q")
        for name, told in zip("abc", (0, 0, 1), strict=True):
            await talk(service, name, 0, SETTLED)
            found = [each for each in await sampled(service) if "convergence" in each.type]
            assert len(found) == told
        (phase,) = {(await service.sessions.metrics(OWNER, name)).phase for name in "abc"}
        assert found[0].details == {
            "phase": phase,
            "cluster_count": 3,
            "region_count": 2,
            "cluster_ids": ["a", "b", "c"],
            "region_ids": ["r", "q"],
        }


async def test_divergence_is_told_past_three_times_the_average(database_url: str) -> None:
    async with running(database_url) as service:
        for name in "abcd":
            await cluster(service, name)
            await talk(service, name, 0)
        await region(service, "r", *"abcd")
        await observe(service, "r")
        await talk(service, "a", 0, 8)  # 9 of 12: three times the average
        assert await sampled(service) == []
        await talk(service, "a", 0)
        (found,) = await sampled(service)
        assert (found.type, found.details) == (
            "cluster_divergence",
            {
                "region_id": "r",
                "cluster_id": "a",
                "interaction_count": 10,
                "region_average": 3.25,
            },
        )
        assert await sampled(service) == []
        await service.observer.unregister(OWNER, "r")
        assert await sampled(service) == []
        await service.observer.register(OWNER, "r")
        assert len(await sampled(service)) == 1


async def test_a_sample_tells_what_it_saw(database_url: str) -> None:
    clock = HeldClock()
    async with running(database_url, clock) as service:
        await cluster(service, "a")
        await cluster(service, "b")
        await region(service, "r", "a", "b")
        await region(service, "q", "b")
        await observe(service, "r", "q")
        await put(service, "a", drift_phase="shifting")
        await put(service, "b", drift_phase="shifting")
        found = await service.sampling.sample(OWNER)
        assert found.sample_duration_ms > 0.0
        assert (found.sampled_at, found.regions_sampled, found.regions_registered) == (
            clock.now,
            2,
            2,
        )
        assert (found.clusters_sampled, found.new_anomalies, found.total_anomalies) == (2, 1, 1)
        assert (await service.observer.summary(OWNER)).last_sample_at == clock.now


@dataclass
class World:
    """What a random walk has made of some clusters, and what of it has been told."""

    chance: random.Random
    regions: dict[str, list[str]]
    phases: dict[str, str]
    drifts: dict[str, str]
    counts: dict[str, int]
    told: frozenset[str] = frozenset()

    def standing(self) -> frozenset[str]:
        """The conditions of the model, read as they are written."""
        held = {name for names in self.regions.values() for name in names}
        found = {
            f"{cluster} diverges in {region}"
            for region, names in self.regions.items()
            for cluster in names
            if self.counts[cluster] > 3 * sum(self.counts[name] for name in names) / len(names)
        }
        if sum(self.drifts[name] != "stable" for name in held) > len(held) / 2:
            found.add("systemic drift")
        for phase in ("exploration", "resonance"):
            alike = {name for name in held if self.phases[name] == phase}
            spread = [region for region, names in self.regions.items() if alike & {*names}]
            if len(alike) >= 3 and len(spread) >= 2:
                found.add(f"convergence in {phase}")
        return frozenset(found)


def named(found: answers.Anomaly) -> str:
    match found.type:
        case "cluster_divergence":
            return f"{found.details['cluster_id']} diverges in {found.details['region_id']}"
        case "systemic_drift":
            return "systemic drift"
        case "cross_cluster_convergence":
            return f"convergence in {found.details['phase']}"


async def step(service: Service, world: World) -> None:
    """One cluster changes, joins or leaves a region."""
    chance, cluster_id = world.chance, world.chance.choice([*world.phases])
    if chance.random() < 0.3:
        region_id = chance.choice([*world.regions])
        held = world.regions[region_id]
        if cluster_id in held:
            held.remove(cluster_id)
            await service.regions.detach(OWNER, region_id, cluster_id)
        else:
            held.append(cluster_id)
            await service.regions.attach(OWNER, region_id, cluster_id)
        return
    world.phases[cluster_id] = chance.choice(["initialization", "exploration", "resonance"])
    world.drifts[cluster_id] = chance.choice(["stable", "stable", "shifting", "drifted"])
    world.counts[cluster_id] = chance.choice([0, 1, 2, 40])
    await put(
        service,
        cluster_id,
        phase=world.phases[cluster_id],
        drift_phase=world.drifts[cluster_id],
        interaction_count=world.counts[cluster_id],
    )


@pytest.mark.parametrize("seed", range(4))
async def test_a_random_walk_is_told_by_the_rules(sqlite_url: str, seed: int) -> None:
    """Over restarts too, and for whoever takes the sample."""
    clock, clusters = HeldClock(), [f"c{n}" for n in range(6)]
    world = World(
        random.Random(seed),
        {"r": [], "q": []},
        dict.fromkeys(clusters, "initialization"),
        dict.fromkeys(clusters, "stable"),
        dict.fromkeys(clusters, 0),
    )
    async with running(sqlite_url, clock) as service:
        for name in clusters:
            await cluster(service, name)
        for name in world.regions:
            await region(service, name)
        await observe(service, *world.regions)
    told = 0
    for _ in range(3):
        async with running(sqlite_url, clock) as service:
            for _ in range(60):
                for _ in range(world.chance.randrange(3)):
                    await step(service, world)
                clock.now += world.chance.choice([1.0, 31.0])
                total = (await service.observer.summary(OWNER)).anomaly_count
                if world.chance.random() < 0.5 or not await service.sampling.take_due():
                    await service.sampling.sample(OWNER)
                after = (await service.observer.summary(OWNER)).anomaly_count
                fresh = after - total
                page = await service.observer.page(OWNER, limit=max(1, fresh), cursor=None)
                standing = world.standing()
                assert sorted(map(named, page.items[:fresh])) == sorted(standing - world.told)
                world.told = standing
                told += fresh
    assert told > 10


async def test_samples_are_taken_when_they_are_due_and_not_made_up_for(
    database_url: str,
) -> None:
    clock = HeldClock()
    async with running(database_url, clock) as service:
        await observe(service, interval_s=30.0)
        await observe(service, owner="bea", interval_s=100.0)
        clock.now += 29.0
        assert await service.sampling.take_due() == 0
        clock.now += 1.0
        assert await service.sampling.take_due() == 1
        assert (await service.observer.summary(OWNER)).last_sample_at == clock.now
        assert (await service.observer.summary("bea")).last_sample_at is None
        clock.now += 300.0
        assert await service.sampling.take_due() == 2
        assert await service.sampling.take_due() == 0
        clock.now += 29.0
        assert await service.sampling.take_due() == 0
        clock.now += 1.0
        assert await service.sampling.take_due() == 1


async def test_a_sample_that_fails_leaves_the_others_alone(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = HeldClock()
    async with running(database_url, clock) as service:
        subjects = [OWNER, *(f"s{n}" for n in range(observer_sampler.SAMPLE_BATCH))]
        for subject in subjects:
            await observe(service, owner=subject)
        sample = service.sampling.sample

        async def failing(owner: str) -> answers.ObserverSample:
            if owner == OWNER:
                raise Unavailable("storage cannot read")
            return await sample(owner)

        monkeypatch.setattr(service.sampling, "sample", failing)
        clock.now += 30.0
        assert await service.sampling.take_due() == observer_sampler.SAMPLE_BATCH - 1
        assert await service.sampling.take_due() == 1
        seen = [(await service.observer.summary(each)).last_sample_at for each in subjects]
        assert seen == [None, *[clock.now] * observer_sampler.SAMPLE_BATCH]


async def test_of_two_servers_one_takes_each_sample(postgres_url: str) -> None:
    subjects, clock = [f"s{n}" for n in range(40)], HeldClock()
    async with running(postgres_url, clock) as one, running(postgres_url, clock) as other:
        for subject in subjects:
            await cluster(one, f"c-{subject}", subject)
            await region(one, "r", f"c-{subject}", owner=subject)
            await observe(one, "r", owner=subject)
            await put(one, f"c-{subject}", drift_phase="drifted")
        taken = [0, 0]
        for _ in range(20):  # which server takes more depends on how the machine runs them
            clock.now += 30.0
            shares = await asyncio.gather(
                *(each.sampling.take_due() for each in (one, other, one, other))
            )
            assert sum(shares) == len(subjects)
            taken = [taken[0] + shares[0] + shares[2], taken[1] + shares[1] + shares[3]]
            if all(taken):
                break
        assert all(taken)
        for subject in subjects:
            summary = await other.observer.summary(subject)
            assert (summary.last_sample_at, summary.anomaly_count) == (clock.now, 1)


async def test_a_standing_condition_is_told_once_by_samples_at_once(database_url: str) -> None:
    async with running(database_url) as service:
        await cluster(service, "c")
        await region(service, "r", "c")
        await observe(service, "r")
        await put(service, "c", drift_phase="drifted")
        done = await asyncio.gather(*(service.sampling.sample(OWNER) for _ in range(8)))
        assert sum(each.new_anomalies for each in done) == 1
        assert (await service.observer.summary(OWNER)).anomaly_count == 1


async def test_the_server_samples_by_itself(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Also after storage has failed it."""
    monkeypatch.setattr(observer_sampler, "LOOKS_S", 0.01)
    caplog.set_level(logging.WARNING, "semvec.service.observer_sampler")
    clock = HeldClock()
    async with running(sqlite_url, clock) as service:
        await observe(service)
        look, failures = service.database.query, [Unavailable("no storage"), RuntimeError("bug")]

        async def failing(*args: object, **kwargs: object) -> object:
            if failures and args[0] is due:
                raise failures.pop()
            return await look(*args, **kwargs)  # type: ignore[arg-type]

        monkeypatch.setattr(service.database, "query", failing)
        clock.now += 30.0
        async with asyncio.timeout(10):
            while (await service.observer.summary(OWNER)).last_sample_at is None:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        assert not failures
        assert [record.message for record in caplog.records][-1].endswith("no storage")
