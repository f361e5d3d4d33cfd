"""Observers as rows: what is refused, and how much of a log is kept."""

import asyncio

from semvec.store import Create, Delete, Head, Kind, Refused, Store
from semvec.store.groups import AddRegion
from semvec.store.observed import (
    ObserverRow,
    anomalies_after,
    anomalies_before,
    due,
    is_registered,
    observer,
    region_keys,
)
from semvec.store.observers import (
    MOST_ANOMALIES,
    AddObserver,
    Clear,
    News,
    Register,
    Sampled,
    Take,
    Unregister,
)


async def made(store: Store, owner: str = "o", *regions: int, due_at: float = 30.0) -> int:
    """The key of a new observer."""
    create = Create(owner, "meta", 0.0, b"created", Kind.META)
    done = await store.together(create, AddObserver("id", 30.0, due_at, regions))
    assert not isinstance(done, Refused)
    return done[0].key


async def region(store: Store, region_id: str, owner: str = "o") -> int:
    create = Create(owner, region_id, 0.0, b"created", Kind.META)
    done = await store.together(create, AddRegion(region_id, 0.5, 60.0))
    assert not isinstance(done, Refused)
    (head,) = done
    assert isinstance(head, Head)
    return head.key


async def row(store: Store, owner: str = "o") -> ObserverRow:
    found = await store.look(observer, owner)
    assert found is not None
    return found


async def test_an_observer_is_made_with_regions_that_are_there(store: Store) -> None:
    key = await region(store, "r")
    assert await store.look(region_keys, "o", ["r", "s"]) == {"r": key}
    assert await store.look(region_keys, "p", ["r"]) == {}
    assert await store.look(observer, "o") is None
    lost = AddObserver("id", 30.0, 30.0, (key, 999))
    create = Create("o", "meta", 0.0, b"created", Kind.META)
    assert await store.together(create, lost) == Refused(lost)
    made_key = await made(store, "o", key)
    assert await row(store) == ObserverRow(made_key, "o", "id", 30.0, None, 0, 0, (), 1, 0)
    assert await store.together(create, AddObserver("other", 1.0, 1.0, ())) == Refused(create)


async def test_regions_are_registered_once(store: Store) -> None:
    observing, key = await made(store), await region(store, "r")
    register, unregister = Register(observing, key), Unregister(observing, key)
    done = await asyncio.gather(*(store.did(register) for _ in range(3)))
    assert sorted(done) == [False, False, True]
    assert await store.look(is_registered, observing, key)
    assert [await store.did(unregister) for _ in range(2)] == [True, False]
    assert await store.did(register)
    assert await store.did(Delete(key))
    assert not await store.look(is_registered, observing, key)
    assert not await store.did(register)


async def test_a_sample_that_is_due_is_taken_once(store: Store) -> None:
    late, early = await made(store, "late", due_at=50.0), await made(store, "early", due_at=40.0)
    assert await store.look(due, 39.0, 10) == []
    assert [each.key for each in await store.look(due, 50.0, 10)] == [early, late]
    assert [each.key for each in await store.look(due, 50.0, 1)] == [early]
    take = Take(early, 40.0, 80.0)
    assert sorted(await asyncio.gather(*(store.did(take) for _ in range(3)))) == [
        False,
        False,
        True,
    ]
    assert [each.key for each in await store.look(due, 79.0, 10)] == [late]


async def test_a_sample_comes_after_the_one_it_knows_of(store: Store) -> None:
    key = await made(store)
    news = (News("systemic_drift", {"drifting_count": 2}), News("cluster_divergence", {}))
    assert await store.did(Sampled(key, 0, 7.0, ("drift", "x"), news))
    assert not await store.did(Sampled(key, 0, 8.0, (), ()))
    found = await row(store)
    assert (found.version, found.last_sample_at, found.standing) == (1, 7.0, ("drift", "x"))
    assert (found.last_anomaly, found.anomalies) == (2, 2)
    assert await store.did(Sampled(key, 1, 9.0, (), ()))
    newest, oldest = await store.look(anomalies_before, key, 10, 3)
    assert (newest.number, newest.type, newest.at, newest.details) == (
        2,
        "cluster_divergence",
        7.0,
        {},
    )
    assert oldest.details == {"drifting_count": 2}
    assert await store.look(anomalies_before, key, 10, 2) == [oldest]
    assert await store.look(anomalies_after, key, 1, 0) == [oldest]
    assert await store.look(anomalies_after, key, 10, 1) == [newest]


async def test_the_newest_ten_thousand_anomalies_are_kept(store: Store) -> None:
    key = await made(store)
    for version, count in enumerate((MOST_ANOMALIES - 5, 10)):
        news = (News("systemic_drift", {}),) * count
        assert await store.did(Sampled(key, version, 1.0, (), news))
    found = await row(store)
    assert (found.anomalies, found.last_anomaly) == (MOST_ANOMALIES, MOST_ANOMALIES + 5)
    (oldest,) = await store.look(anomalies_after, key, 1, 0)
    assert oldest.number == 6


async def test_a_log_is_emptied_of_what_was_counted(store: Store) -> None:
    key = await made(store)
    assert await store.did(Sampled(key, 0, 1.0, (), (News("systemic_drift", {}),) * 3))
    assert not await store.did(Clear(key, 2, 2))
    assert await store.did(Clear(key, 3, 3))
    assert (await row(store)).anomalies == 0
    assert await store.did(Sampled(key, 1, 1.0, (), (News("systemic_drift", {}),)))
    assert [each.number for each in await store.look(anomalies_after, key, 9, 0)] == [4]


async def test_an_observer_goes_with_its_session(store: Store) -> None:
    key = await made(store, "o", await region(store, "r"))
    assert await store.did(Sampled(key, 0, 1.0, (), (News("systemic_drift", {}),)))
    assert await store.did(Delete(key))
    assert await store.look(observer, "o") is None
    assert await store.look(anomalies_after, key, 9, 0) == []
    assert await store.look(due, 1e9, 10) == []
