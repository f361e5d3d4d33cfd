"""Who may vote, and what is noted of it, on both databases."""

import asyncio

import numpy as np

from semvec.store import Append, Conflicted, Delete, Head, SessionKind, Store, trust
from semvec.store.records import Create
from semvec.store.trust import RecordVotes, VoteOutcome
from semvec.vectors import packed
from tests.store.lines import append as appended

MEAN = packed(np.array([0.5, 0.25], np.float32))


async def made(
    store: Store,
    name: str,
    *,
    used_at: float = 1.0,
    dimension: int | None = 2,
    updates: int = 1,
    kind: SessionKind = SessionKind.PLAIN,
    owner: str = "o",
) -> Head:
    create = Create(owner, name, 0.0, b"created", kind, dimension, MEAN)
    done = await store.transact(create)
    assert not isinstance(done, Conflicted)
    (head,) = done
    append = Append(
        head.key, 1, (b"event",), used_at, updates, updates, dimension=dimension, mean=MEAN
    )
    assert await appended(store, append)
    return head


async def voting(store: Store, proposer: int = 0, most: int = 10) -> list[str]:
    found = await store.query(trust.voters, "o", 2, proposer, most)
    assert all(voter.mean == MEAN for voter in found)
    return [voter.session_id for voter in found]


async def test_voters_are_the_other_sessions_of_the_dimension_used_last(store: Store) -> None:
    proposer = await made(store, "proposer", used_at=9.0)
    for n in range(4):
        await made(store, f"s{n}", used_at=float(n))
    await made(store, "other-dimension", dimension=3)
    await made(store, "of-an-older-release", dimension=None)
    await made(store, "nothing-learnt", updates=0)
    await made(store, "cluster", kind=SessionKind.BACKING)
    await made(store, "region", kind=SessionKind.META)
    await made(store, "theirs", owner="p")
    assert await voting(store, proposer.key) == ["s3", "s2", "s1", "s0"]
    assert await voting(store, proposer.key, most=2) == ["s3", "s2"]


async def test_an_outcome_is_counted_for_all_voters_or_none(store: Store) -> None:
    heads = [await made(store, f"s{n}", used_at=float(n)) for n in range(3)]
    keys = [head.key for head in heads]
    first = RecordVotes(
        tuple(
            VoteOutcome(key, 0, 0, right)
            for key, right in zip(keys, (True, True, False), strict=True)
        )
    )
    done = await asyncio.gather(store.try_transact(first), store.try_transact(first))
    assert sorted(done) == [False, True]
    assert await store.try_transact(RecordVotes((VoteOutcome(keys[0], 1, 0, True),)))
    expected = {keys[0]: (2, 0), keys[1]: (1, 0), keys[2]: (0, 1)}
    assert await store.query(trust.reputations, keys) == expected
    late = RecordVotes((VoteOutcome(keys[0], 2, 0, True), VoteOutcome(keys[2], 0, 1, True)))
    assert await store.transact(Delete(keys[2])) == ()
    assert await store.transact(late) == Conflicted(late)
    assert await store.query(trust.reputations, keys) == {keys[0]: (2, 0), keys[1]: (1, 0)}
    assert await store.query(trust.recent, "o", 10) == [("s1", 1, 0), ("s0", 2, 0)]


async def test_a_session_made_again_starts_anew(store: Store) -> None:
    head = await made(store, "s")
    assert await store.transact(RecordVotes((VoteOutcome(head.key, 0, 0, False),))) == ()
    assert await store.delete(head.key)
    await made(store, "s")
    assert await store.query(trust.recent, "o", 10) == [("s", 0, 0)]
