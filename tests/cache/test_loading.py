"""Loads in flight: what a request may take from one that began before the request did."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from semvec.cache import CachedSession, SessionCache
from semvec.errors import NotFound, Unavailable
from semvec.store import Store, StoredSession
from tests.cache.test_session_cache import NAME, accounted, add, hearing, opened


class HeldReads:
    """Reads of whole sessions, each of which has read at once and answers when it is let go."""

    def __init__(self, store: Store) -> None:
        self._load = store.load
        self._held: list[asyncio.Event] = []
        self._failures: dict[int, Exception] = {}
        store.load = self.load  # type: ignore[method-assign]

    async def load(self, owner: str, session_id: str) -> StoredSession | None:
        number, go = len(self._held), asyncio.Event()
        stored = await self._load(owner, session_id)
        self._held.append(go)
        await go.wait()
        if number in self._failures:
            raise self._failures[number]
        return stored

    async def reached(self, count: int) -> None:
        """Wait until so many have read."""
        async with asyncio.timeout(10):
            while len(self._held) < count:  # noqa: ASYNC110
                await asyncio.sleep(0.001)

    def let_go(self, number: int) -> None:
        self._held[number].set()

    def fail(self, number: int, error: Exception) -> None:
        self._failures[number] = error
        self.let_go(number)

    @property
    def count(self) -> int:
        return len(self._held)


@pytest.fixture
async def two(postgres_url: str) -> AsyncIterator[tuple[SessionCache, SessionCache, HeldReads]]:
    """Two servers on one database; the reads of the second are held."""
    async with opened(postgres_url) as (_, one), opened(postgres_url) as (store, other):
        yield one, other, HeldReads(store)


def asking(sessions: SessionCache) -> asyncio.Task[CachedSession]:
    return asyncio.create_task(sessions.get(NAME))


async def test_a_load_that_found_nothing_is_no_answer_to_who_came_later(
    two: tuple[SessionCache, SessionCache, HeldReads],
) -> None:
    one, other, reads = two
    before = asking(other)
    await reads.reached(1)
    made = await add(one)
    after = asking(other)
    await asyncio.sleep(0)
    reads.let_go(0)
    with pytest.raises(NotFound):
        await before
    await reads.reached(2)
    reads.let_go(1)
    assert (await after).key == made.key


async def test_what_a_load_found_is_compared_for_who_came_later(
    two: tuple[SessionCache, SessionCache, HeldReads],
) -> None:
    """The session has gone on, or another has its name."""
    one, other, reads = two
    hot = await add(one)
    before = asking(other)
    await reads.reached(1)
    await one.change(hot, hearing("a remark"))
    after = asking(other)
    await asyncio.sleep(0)
    reads.let_go(0)
    assert (await before).session.seq == (await after).session.seq == 2
    other.copies.evict(await after)
    asking_again = asking(other)
    await reads.reached(2)
    await one.delete(NAME)
    made = await add(one)
    last = asking(other)
    await asyncio.sleep(0)
    reads.let_go(1)
    await reads.reached(3)
    reads.let_go(2)
    assert (await asking_again).key == (await last).key == made.key
    assert accounted(other)


async def test_many_that_ask_for_nothing_share_two_reads(
    two: tuple[SessionCache, SessionCache, HeldReads],
) -> None:
    _, other, reads = two
    asked = [asking(other)]
    await reads.reached(1)
    asked += [asking(other) for _ in range(50)]
    await asyncio.sleep(0)
    reads.let_go(0)
    await reads.reached(2)
    reads.let_go(1)
    outcomes = await asyncio.gather(*asked, return_exceptions=True)
    assert {type(outcome) for outcome in outcomes} == {NotFound}
    assert reads.count == 2


async def test_a_load_that_fails_does_so_for_all_that_wait(
    two: tuple[SessionCache, SessionCache, HeldReads],
) -> None:
    _, other, reads = two
    asked = [asking(other)]
    await reads.reached(1)
    asked += [asking(other) for _ in range(5)]
    await asyncio.sleep(0)
    reads.fail(0, Unavailable("storage cannot read"))
    outcomes = await asyncio.gather(*asked, return_exceptions=True)
    assert {type(outcome) for outcome in outcomes} == {Unavailable}
    assert reads.count == 1


@pytest.mark.parametrize("again", [False, True], ids=["deleted", "made anew"])
async def test_a_read_that_a_deletion_has_outdated_is_made_again(
    database_url: str, again: bool
) -> None:
    """Also where nobody compares heads, as no other server may write."""
    async with opened(database_url, shared=False) as (store, sessions):
        sessions.copies.evict(await add(sessions))
        reads = HeldReads(store)
        before = asking(sessions)
        await reads.reached(1)
        await sessions.delete(NAME)
        if again:
            made = await add(sessions)
            sessions.copies.evict(made)
        after = asking(sessions)
        await asyncio.sleep(0)
        reads.let_go(0)
        await reads.reached(2)
        reads.let_go(1)
        if again:
            assert (await before).key == (await after).key == made.key
        else:
            await reads.reached(3)
            reads.let_go(2)
            for outcome in await asyncio.gather(before, after, return_exceptions=True):
                assert isinstance(outcome, NotFound)
        assert accounted(sessions)
