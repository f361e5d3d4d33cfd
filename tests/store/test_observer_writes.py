"""Observers as rows: what is refused, and how much of a log is kept."""

import asyncio

from semvec.store import Conflicted, Create, Delete, Head, SessionKind, Store
from semvec.store.cluster_writes import AddRegion
from semvec.store.observer_queries import (
    ObserverRow,
    anomalies_after,
    anomalies_before,
    due,
    is_registered,
    observer,
    region_keys,
)
from semvec.store.observer_writes import (
    MAX_ANOMALIES,
    AddObserver,
    ClaimSample,
    ClearAnomalies,
    NewAnomaly,
    Register,
    StoreSample,
    Unregister,
)


async def made(store: Store, owner: str = "o", *regions: int, due_at: float = 30.0) -> int:
    """The key of a new observer."""
    create = Create(owner, "meta", 0.0, b"created", SessionKind.META)
    done = await store.transact(create, AddObserver("id", 30.0, due_at, regions))
    assert not isinstance(done, Conflicted)
    return done[0].key


async def region(store: Store, region_id: str, owner: str = "o") -> int:
    create = Create(owner, region_id, 0.0, b"created", SessionKind.META)
    done = await store.transact(create, AddRegion(region_id, 0.5, 60.0))
    assert not isinstance(done, Conflicted)
    (head,) = done
    assert isinstance(head, Head)
    return head.key


async def row(store: Store, owner: str = "o") -> ObserverRow:
    found = await store.query(observer, owner)
    assert found is not None
    return found


async def test_an_observer_is_made_with_regions_that_are_there(store: Store) -> None:
    key = await region(store, "r")
    assert await store.query(region_keys, "o", ["r", "s"]) == {"r": key}
    assert await store.query(region_keys, "p", ["r"]) == {}
    assert await store.query(observer, "o") is None
    lost = AddObserver("id", 30.0, 30.0, (key, 999))
    create = Create("o", "meta", 0.0, b"created", SessionKind.META)
    assert await store.transact(create, lost) == Conflicted(lost)
    made_key = await made(store, "o", key)
    assert await row(store) == ObserverRow(made_key, "o", "id", 30.0, None, 0, 0, (), 1, 0)
    assert await store.transact(create, AddObserver("other", 1.0, 1.0, ())) == Conflicted(create)


async def test_regions_are_registered_once(store: Store) -> None:
    observing, key = await made(store), await region(store, "r")
    register, unregister = Register(observing, key), Unregister(observing, key)
    done = await asyncio.gather(*(store.try_transact(register) for _ in range(3)))
    assert sorted(done) == [False, False, True]
    assert await store.query(is_registered, observing, key)
    assert [await store.try_transact(unregister) for _ in range(2)] == [True, False]
    assert await store.try_transact(register)
    assert await store.try_transact(Delete(key))
    assert not await store.query(is_registered, observing, key)
    assert not await store.try_transact(register)


async def test_a_sample_that_is_due_is_taken_once(store: Store) -> None:
    late, early = await made(store, "late", due_at=50.0), await made(store, "early", due_at=40.0)
    assert await store.query(due, 39.0, 10) == []
    assert [each.key for each in await store.query(due, 50.0, 10)] == [early, late]
    assert [each.key for each in await store.query(due, 50.0, 1)] == [early]
    take = ClaimSample(early, 40.0, 80.0)
    assert sorted(await asyncio.gather(*(store.try_transact(take) for _ in range(3)))) == [
        False,
        False,
        True,
    ]
    assert [each.key for each in await store.query(due, 79.0, 10)] == [late]


async def test_a_sample_comes_after_the_one_it_knows_of(store: Store) -> None:
    key = await made(store)
    news = (
        NewAnomaly("systemic_drift", {"drifting_count": 2}),
        NewAnomaly("cluster_divergence", {}),
    )
    assert await store.try_transact(StoreSample(key, 0, 7.0, ("drift", "x"), news))
    assert not await store.try_transact(StoreSample(key, 0, 8.0, (), ()))
    found = await row(store)
    assert (found.version, found.last_sample_at, found.standing) == (1, 7.0, ("drift", "x"))
    assert (found.last_anomaly, found.anomalies) == (2, 2)
    assert await store.try_transact(StoreSample(key, 1, 9.0, (), ()))
    newest, oldest = await store.query(anomalies_before, key, 10, 3)
    assert (newest.number, newest.type, newest.at, newest.details) == (
        2,
        "cluster_divergence",
        7.0,
        {},
    )
    assert oldest.details == {"drifting_count": 2}
    assert await store.query(anomalies_before, key, 10, 2) == [oldest]
    assert await store.query(anomalies_after, key, 1, 0) == [oldest]
    assert await store.query(anomalies_after, key, 10, 1) == [newest]


async def test_the_newest_ten_thousand_anomalies_are_kept(store: Store) -> None:
    key = await made(store)
    for version, count in enumerate((MAX_ANOMALIES - 5, 10)):
        news = (NewAnomaly("systemic_drift", {}),) * count
        assert await store.try_transact(StoreSample(key, version, 1.0, (), news))
    found = await row(store)
    assert (found.anomalies, found.last_anomaly) == (MAX_ANOMALIES, MAX_ANOMALIES + 5)
    (oldest,) = await store.query(anomalies_after, key, 1, 0)
    assert oldest.number == 6


async def test_a_log_is_emptied_of_what_was_counted(store: Store) -> None:
    key = await made(store)
    assert await store.try_transact(
        StoreSample(key, 0, 1.0, (), (NewAnomaly("systemic_drift", {}),) * 3)
    )
    assert not await store.try_transact(ClearAnomalies(key, 2, 2))
    assert await store.try_transact(ClearAnomalies(key, 3, 3))
    assert (await row(store)).anomalies == 0
    assert await store.try_transact(
        StoreSample(key, 1, 1.0, (), (NewAnomaly("systemic_drift", {}),))
    )
    assert [each.number for each in await store.query(anomalies_after, key, 9, 0)] == [4]


async def test_an_observer_goes_with_its_session(store: Store) -> None:
    key = await made(store, "o", await region(store, "r"))
    assert await store.try_transact(
        StoreSample(key, 0, 1.0, (), (NewAnomaly("systemic_drift", {}),))
    )
    assert await store.try_transact(Delete(key))
    assert await store.query(observer, "o") is None
    assert await store.query(anomalies_after, key, 9, 0) == []
    assert await store.query(due, 1e9, 10) == []
