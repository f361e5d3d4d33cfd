"""Transfers, votes and trust over real sessions, by figure."""

import asyncio
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from semvec.errors import Conflict, Invalid, NotFound
from semvec.service import Service, StoredResponse
from semvec.store.trust import reputations
from semvec.vectors import Vector
from tests.service.test_idempotency import asked
from tests.services import (
    DIMENSION,
    OWNER,
    HeldClock,
    create,
    evicted,
    inject,
    rows,
    running,
    store,
)

AXIS = [1.0] + [0.0] * (DIMENSION - 1)
ACROSS = [0.0, 1.0] + [0.0] * (DIMENSION - 2)


async def taught(
    service: Service, session_id: str, vector: Sequence[float], owner: str = OWNER
) -> None:
    """A session that points this way, with one update."""
    await create(service, session_id, owner)
    await service.conversation.store(
        owner, session_id=session_id, response=session_id, response_embedding=list(vector)
    )


async def mean(service: Service, session_id: str) -> npt.NDArray[np.float64]:
    return (await service._hot.get((OWNER, session_id))).session.state.mean


async def transfer(
    service: Service, source: str, target: str, max_weight: float = 0.15, owner: str = OWNER
) -> float:
    done = await service.network.transfer(
        owner, source_session_id=source, target_session_id=target, max_weight=max_weight
    )
    assert (done.source_session_id, done.target_session_id) == (source, target)
    return done.delta_norm


async def propose(
    service: Service, proposer: str = "p", target: Sequence[float] = AXIS, owner: str = OWNER
) -> tuple[bool, dict[str, float]]:
    done = await service.network.propose(owner, proposer, target)
    return done.accepted, done.trust_scores


async def trust(service: Service) -> dict[str, float]:
    return (await service.network.trust(OWNER)).trust_scores


async def test_a_transfer_moves_the_target_by_the_weight(database_url: str) -> None:
    clock = HeldClock()
    async with running(database_url, clock) as service:
        await taught(service, "a", AXIS)
        await taught(service, "b", ACROSS)
        assert await transfer(service, "a", "b", 0.25) == pytest.approx(0.25 * np.sqrt(2))
        expected = 0.75 * np.array(ACROSS) + 0.25 * np.array(AXIS)
        assert await mean(service, "b") == pytest.approx(expected)
        assert await mean(service, "a") == pytest.approx(AXIS)
        live = (await mean(service, "b")).tobytes()
        await evicted(service, clock)
        assert (await mean(service, "b")).tobytes() == live
        metrics = await service.sessions.metrics(OWNER, "b")
        assert (metrics.interaction_count, metrics.total_memories) == (1, 1)
        assert (await service.verification.verify(OWNER, "b", [AXIS])).consistent


async def test_a_transfer_goes_no_further_than_the_source_is_trusted(database_url: str) -> None:
    async with running(database_url) as service:
        await taught(service, "a", AXIS)
        await taught(service, "b", ACROSS)
        assert await transfer(service, "a", "b", 1.0) == pytest.approx(0.5 * np.sqrt(2))
        for _ in range(4):  # a is outvoted, and trusted less every time
            await create(service, "p")
            await taught(service, "c", ACROSS)
            await taught(service, "d", ACROSS)
            await taught(service, "e", ACROSS)
            assert (await propose(service, target=ACROSS))[0]
            for other in "cde":
                await service.sessions.delete(OWNER, other)
        scores = await trust(service)
        assert scores["a"] == pytest.approx(1 / 6)
        source, target = await mean(service, "a"), await mean(service, "b")
        norm = await transfer(service, "a", "b", 1.0)
        assert norm == pytest.approx(np.linalg.norm(source - target) / 6)


async def test_what_comes_before_the_first_update_counts_as_one(database_url: str) -> None:
    async with running(database_url) as service:
        await taught(service, "a", AXIS)
        await create(service, "fresh")
        assert await transfer(service, "a", "fresh", 0.5) == pytest.approx(0.5)
        await service.conversation.store(
            OWNER, session_id="fresh", response="x", response_embedding=ACROSS
        )
        half = 0.5 * (0.5 * np.array(AXIS)) + 0.5 * np.array(ACROSS)
        assert await mean(service, "fresh") == pytest.approx(half)


async def test_a_transfer_waits_for_what_its_source_is_about_to_be(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A request with a key changes the source while the transfer reads how far it is trusted."""
    async with running(database_url) as service:
        await taught(service, "a", AXIS)
        await taught(service, "b", AXIS)
        reading, changed, go_on = asyncio.Event(), asyncio.Event(), asyncio.Event()
        look = service.database.query

        async def act() -> StoredResponse:
            await service.conversation.store(
                OWNER, session_id="a", response="x", response_embedding=ACROSS
            )
            changed.set()
            await go_on.wait()
            return StoredResponse(200, b"{}")

        async def looking(function: Any, *args: Any) -> Any:
            if function is reputations:
                reading.set()
                await changed.wait()
                asyncio.get_running_loop().call_later(0.1, go_on.set)
            return await look(function, *args)

        monkeypatch.setattr(service.database, "query", looking)
        moving = asyncio.create_task(transfer(service, "a", "b", 0.5))
        await reading.wait()
        await service.repeats.answer(asked(act, about="a"))
        assert await moving == pytest.approx(0.5 * np.sqrt(0.5))
        expected = 0.5 * np.array(AXIS) + 0.25 * (np.array(AXIS) + np.array(ACROSS))
        assert await mean(service, "b") == pytest.approx(expected)


async def test_a_transfer_of_nothing_leaves_no_event(database_url: str) -> None:
    async with running(database_url) as service:
        await taught(service, "a", AXIS)
        await taught(service, "b", ACROSS)
        events = len(await rows(service, "events"))
        assert await transfer(service, "a", "b", 0.0) == 0.0
        assert await transfer(service, "a", "a", 1.0) == 0.0
        assert len(await rows(service, "events")) == events


async def test_transfers_need_sessions_of_the_owner_and_of_one_dimension(
    database_url: str,
) -> None:
    async with running(database_url) as service:
        await taught(service, "a", AXIS)
        await taught(service, "theirs", AXIS, "bea")
        await create(service, "flat", dimension=2)
        for source, target in (("a", "theirs"), ("theirs", "a")):
            with pytest.raises(NotFound, match="session 'theirs' not found"):
                await transfer(service, source, target)
        with pytest.raises(Conflict, match="dimensions are 8 and 2"):
            await transfer(service, "a", "flat")


async def test_a_vote_is_decided_by_two_thirds_of_the_trust(database_url: str) -> None:
    async with running(database_url) as service:
        await create(service, "p")
        assert await propose(service) == (False, {})
        await taught(service, "a", AXIS)
        await taught(service, "b", AXIS)
        await taught(service, "c", ACROSS)
        assert await propose(service) == (True, {"a": 2 / 3, "b": 2 / 3, "c": 1 / 3})
        await taught(service, "d", ACROSS)
        await taught(service, "e", ACROSS)
        accepted, scores = await propose(service, target=AXIS)  # 4/3 of 2 2/3, less than two thirds
        assert not accepted
        assert scores == {"a": 2 / 4, "b": 2 / 4, "c": 2 / 4, "d": 2 / 3, "e": 2 / 3}
        assert await trust(service) == scores | {"p": 0.5}


async def test_who_votes(database_url: str) -> None:
    async with running(database_url) as service:
        await taught(service, "p", ACROSS)
        await taught(service, "a", AXIS)
        await taught(service, "theirs", AXIS, "bea")
        await create(service, "flat", dimension=2)
        await create(service, "nothing-learnt", template_embedding=AXIS)
        await create(service, "s")
        await inject(service, "a memory is no update")
        assert await propose(service) == (True, {"a": 2 / 3})


async def test_voters_are_read_out_of_storage(database_url: str) -> None:
    clock = HeldClock()
    async with running(database_url, clock) as service:
        await create(service, "p")
        for n in range(3):
            await taught(service, f"s{n}", AXIS)
        await evicted(service, clock)
        assert await propose(service) == (True, {f"s{n}": 2 / 3 for n in range(3)})
        assert service.resident == 1
    async with running(database_url, clock) as service:
        assert await trust(service) == {f"s{n}": 2 / 3 for n in range(3)} | {"p": 0.5}


async def test_a_state_that_points_nowhere_is_against_it(database_url: str) -> None:
    async with running(database_url) as service:
        await create(service, "p")
        await taught(service, "a", AXIS)
        await service.conversation.store(
            OWNER, session_id="a", response="y", response_embedding=[-each for each in AXIS]
        )
        assert await propose(service) == (False, {"a": 2 / 3})


async def test_a_proposal_needs_a_session_and_a_direction_of_its_dimension(
    database_url: str,
) -> None:
    async with running(database_url) as service:
        await taught(service, "theirs", AXIS, "bea")
        await create(service, "p")
        with pytest.raises(NotFound, match="session 'theirs' not found"):
            await propose(service, "theirs")
        for target in ([1.0], [0.0] * DIMENSION):
            with pytest.raises(Invalid, match="target_embedding"):
                await propose(service, target=target)


async def test_proposals_at_once_all_count(database_url: str) -> None:
    async with running(database_url) as service:
        await create(service, "p")
        for name in "abc":
            await taught(service, name, AXIS)
        done = await asyncio.gather(*(propose(service) for _ in range(8)))
        assert all(accepted for accepted, _ in done)
        assert await trust(service) == dict.fromkeys("abc", 0.9) | {"p": 0.5}


def unit(values: Sequence[float]) -> Vector:
    exact = np.array(values)
    direction: Vector = (exact / np.linalg.norm(exact)).astype(np.float32)
    return direction


async def test_votes_follow_the_state_and_not_the_last_word(database_url: str) -> None:
    chance = np.random.default_rng(3)
    async with running(database_url) as service:
        await create(service, "p")
        for n in range(12):
            near = chance.standard_normal(DIMENSION) + 2.0 * np.array(AXIS)
            await taught(service, f"s{n}", near.tolist())
            await store(service, f"more {n}", f"s{n}")
        agreeing = {
            f"s{n}": unit((await mean(service, f"s{n}")).tolist()) @ unit(AXIS) >= 0.5
            for n in range(12)
        }
        accepted, scores = await propose(service)
        assert not accepted
        assert 0 < sum(agreeing.values()) < 8
        assert scores == {name: 1 / 3 if agrees else 2 / 3 for name, agrees in agreeing.items()}
