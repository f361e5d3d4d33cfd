"""Many sessions moved at once, in memory or not: all of them or none."""

import asyncio
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from semvec.cache import SessionCache, StateMove
from semvec.cache.bulk_writer import BulkWriter
from semvec.errors import Unavailable
from semvec.persistence import moved_append
from semvec.session.events import StateMoved
from semvec.session.head_state import plan_move
from semvec.session.session import Session
from semvec.store import HeadSummary, Store
from semvec.store.cluster_queries import head_summaries
from tests.cache.test_session_cache import accounted, add, hearing, opened
from tests.services import OWNER
from tests.session.conversations import unit

TOWARD = unit(1)


def moving(share: float = 0.5) -> Callable[[Session], StateMoved]:
    return lambda session: plan_move(session.state.interaction_count, TOWARD, share, 5.0)


async def standing(store: Store, *names: str) -> list[HeadSummary]:
    heads = [await store.head(OWNER, name) for name in names]
    return await store.query(head_summaries, [head.key for head in heads if head is not None])


def steered(place: HeadSummary) -> StateMove:
    event = plan_move(place.interaction_count, TOWARD, 0.5, 5.0)
    name = place.owner, place.session_id
    return StateMove(name, place.key, moving(), moved_append(place, event))


async def means(sessions: SessionCache, *names: str) -> list[Any]:
    return [(await sessions.get((OWNER, name))).session.state.mean for name in names]


async def test_copies_follow_and_others_stay_in_storage(database_url: str) -> None:
    async with opened(database_url) as (store, sessions):
        hot, cold = await add(sessions, "hot"), await add(sessions, "cold")
        sessions.copies.evict(cold)
        steering = BulkWriter(sessions, store)
        assert await steering.write_all(
            [steered(each) for each in await standing(store, "hot", "cold")]
        )
        assert len(sessions.copies) == 1
        assert hot.is_live
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
            sessions.copies.evict(await add(sessions, name))
        late = [steered(each) for each in await standing(store, "a", "b", "c")]
        await sessions.change(await sessions.get((OWNER, "b")), hearing("meanwhile"))
        sessions.copies.evict(await sessions.get((OWNER, "b")))
        steering = BulkWriter(sessions, store)
        assert not await steering.write_all(late)
        assert [place.seq for place in await standing(store, "a", "b", "c")] == [1, 2, 1]
        absent = StateMove((OWNER, "a"), late[0].key, moving())
        assert not await steering.write_all([absent])
        assert await steering.write_all([late[0]])


async def test_what_is_in_memory_is_decided_as_it_is_by_then(database_url: str) -> None:
    """Copies that others change meanwhile do not make it come too late."""
    async with opened(database_url) as (store, sessions):
        hot = await add(sessions, "s")
        (place,) = await standing(store, "s")
        changing = [
            asyncio.create_task(sessions.change(hot, hearing(f"text {n}"))) for n in range(20)
        ]
        await asyncio.sleep(0)
        assert await BulkWriter(sessions, store).write_all([steered(place)])
        await asyncio.gather(*changing)
        assert hot.session.seq == 22
        assert not hot.session.state.prior_weight


async def test_a_copy_loaded_meanwhile_is_not_behind(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(database_url, shared=False) as (store, sessions):
        sessions.copies.evict(await add(sessions, "s"))
        (place,) = await standing(store, "s")
        together = store.transact

        async def slow(*parts: Any) -> Any:
            await sessions.get((OWNER, "s"))
            return await together(*parts)

        monkeypatch.setattr(store, "transact", slow)
        assert await BulkWriter(sessions, store).write_all([steered(place)])
        (mean,) = await means(sessions, "s")
        np.testing.assert_allclose(mean, 0.5 * TOWARD, atol=1e-7)


async def test_where_nobody_can_tell_no_copy_stays(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(database_url) as (store, sessions):
        hot = await add(sessions, "s")
        (place,) = await standing(store, "s")
        together = store.transact

        async def cut(*parts: Any) -> Any:
            await together(*parts)
            raise Unavailable("the connection was lost")

        with monkeypatch.context() as broken:
            broken.setattr(store, "transact", cut)
            with pytest.raises(Unavailable):
                await BulkWriter(sessions, store).write_all([steered(place)])
        assert not hot.is_live
        (mean,) = await means(sessions, "s")
        np.testing.assert_allclose(mean, 0.5 * TOWARD, atol=1e-7)
        assert accounted(sessions)
