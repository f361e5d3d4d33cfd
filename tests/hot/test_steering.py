"""Many sessions moved at once, in memory or not: all of them or none."""

import asyncio
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from semvec.errors import Unavailable
from semvec.hot import HotSessions, Steered
from semvec.hot.steering import Steering
from semvec.persistence import moved_append
from semvec.session.events import Moved
from semvec.session.session import Session
from semvec.session.steering import moved
from semvec.store import Place, Store
from semvec.store.grouped import places
from tests.hot.test_sessions import accounted, add, hearing, opened
from tests.services import OWNER
from tests.session.conversations import unit

TOWARD = unit(1)


def moving(share: float = 0.5) -> Callable[[Session], Moved]:
    return lambda session: moved(session.state.interaction_count, TOWARD, share, 5.0)


async def standing(store: Store, *names: str) -> list[Place]:
    heads = [await store.head(OWNER, name) for name in names]
    return await store.look(places, [head.key for head in heads if head is not None])


def steered(place: Place) -> Steered:
    event = moved(place.interaction_count, TOWARD, 0.5, 5.0)
    name = place.owner, place.session_id
    return Steered(name, place.key, moving(), moved_append(place, event))


async def means(sessions: HotSessions, *names: str) -> list[Any]:
    return [(await sessions.get((OWNER, name))).session.state.mean for name in names]


async def test_copies_follow_and_others_stay_in_storage(database_url: str) -> None:
    async with opened(database_url) as (store, sessions):
        hot, cold = await add(sessions, "hot"), await add(sessions, "cold")
        sessions.residents.drop(cold)
        steering = Steering(sessions, store)
        assert await steering.steer(
            [steered(each) for each in await standing(store, "hot", "cold")]
        )
        assert len(sessions.residents) == 1
        assert hot.live
        assert hot.session.seq == 2
        for mean in await means(sessions, "hot", "cold"):
            np.testing.assert_allclose(mean, 0.5 * TOWARD, atol=1e-7)
        assert accounted(sessions)
        for place in await standing(store, "hot", "cold"):
            told = np.frombuffer(place.mean or b"", "<f4")
            np.testing.assert_allclose(told, 0.5 * TOWARD, atol=1e-7)


async def test_one_that_is_too_late_stops_all(database_url: str) -> None:
    async with opened(database_url) as (store, sessions):
        for name in ("a", "b", "c"):
            sessions.residents.drop(await add(sessions, name))
        late = [steered(each) for each in await standing(store, "a", "b", "c")]
        await sessions.change(await sessions.get((OWNER, "b")), hearing("meanwhile"))
        sessions.residents.drop(await sessions.get((OWNER, "b")))
        steering = Steering(sessions, store)
        assert not await steering.steer(late)
        assert [place.seq for place in await standing(store, "a", "b", "c")] == [1, 2, 1]
        absent = Steered((OWNER, "a"), late[0].key, moving())
        assert not await steering.steer([absent])
        assert await steering.steer([late[0]])


async def test_what_is_in_memory_is_decided_as_it_is_by_then(database_url: str) -> None:
    """Copies that others change meanwhile do not make it come too late."""
    async with opened(database_url) as (store, sessions):
        hot = await add(sessions, "s")
        (place,) = await standing(store, "s")
        changing = [
            asyncio.create_task(sessions.change(hot, hearing(f"text {n}"))) for n in range(20)
        ]
        await asyncio.sleep(0)
        assert await Steering(sessions, store).steer([steered(place)])
        await asyncio.gather(*changing)
        assert hot.session.seq == 22
        assert not hot.session.state.prior_weight


async def test_a_copy_loaded_meanwhile_is_not_behind(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(database_url, shared=False) as (store, sessions):
        sessions.residents.drop(await add(sessions, "s"))
        (place,) = await standing(store, "s")
        together = store.together

        async def slow(*parts: Any) -> Any:
            await sessions.get((OWNER, "s"))
            return await together(*parts)

        monkeypatch.setattr(store, "together", slow)
        assert await Steering(sessions, store).steer([steered(place)])
        (mean,) = await means(sessions, "s")
        np.testing.assert_allclose(mean, 0.5 * TOWARD, atol=1e-7)


async def test_where_nobody_can_tell_no_copy_stays(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(database_url) as (store, sessions):
        hot = await add(sessions, "s")
        (place,) = await standing(store, "s")
        together = store.together

        async def cut(*parts: Any) -> Any:
            await together(*parts)
            raise Unavailable("the connection was lost")

        with monkeypatch.context() as broken:
            broken.setattr(store, "together", cut)
            with pytest.raises(Unavailable):
                await Steering(sessions, store).steer([steered(place)])
        assert not hot.live
        (mean,) = await means(sessions, "s")
        np.testing.assert_allclose(mean, 0.5 * TOWARD, atol=1e-7)
        assert accounted(sessions)
