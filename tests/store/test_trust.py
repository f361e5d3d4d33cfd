"""Who may vote, and what is noted of it, on both databases."""

import asyncio

import numpy as np

from semvec.store import Append, Delete, Head, Kind, Refused, Store, trust
from semvec.store.records import Create
from semvec.store.trust import Judged, Verdict
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
    kind: Kind = Kind.PLAIN,
    owner: str = "o",
) -> Head:
    create = Create(owner, name, 0.0, b"created", kind, dimension, MEAN)
    done = await store.together(create)
    assert not isinstance(done, Refused)
    (head,) = done
    append = Append(
        head.key, 1, (b"event",), used_at, updates, updates, dimension=dimension, mean=MEAN
    )
    assert await appended(store, append)
    return head


async def voting(store: Store, proposer: int = 0, most: int = 10) -> list[str]:
    found = await store.look(trust.voters, "o", 2, proposer, most)
    assert all(voter.mean == MEAN for voter in found)
    return [voter.session_id for voter in found]


async def test_voters_are_the_other_sessions_of_the_dimension_used_last(store: Store) -> None:
    proposer = await made(store, "proposer", used_at=9.0)
    for n in range(4):
        await made(store, f"s{n}", used_at=float(n))
    await made(store, "other-dimension", dimension=3)
    await made(store, "of-an-older-release", dimension=None)
    await made(store, "nothing-learnt", updates=0)
    await made(store, "cluster", kind=Kind.BACKING)
    await made(store, "region", kind=Kind.META)
    await made(store, "theirs", owner="p")
    assert await voting(store, proposer.key) == ["s3", "s2", "s1", "s0"]
    assert await voting(store, proposer.key, most=2) == ["s3", "s2"]


async def test_an_outcome_is_counted_for_all_voters_or_none(store: Store) -> None:
    heads = [await made(store, f"s{n}", used_at=float(n)) for n in range(3)]
    keys = [head.key for head in heads]
    first = Judged(
        tuple(
            Verdict(key, 0, 0, right) for key, right in zip(keys, (True, True, False), strict=True)
        )
    )
    done = await asyncio.gather(store.did(first), store.did(first))
    assert sorted(done) == [False, True]
    assert await store.did(Judged((Verdict(keys[0], 1, 0, True),)))
    expected = {keys[0]: (2, 0), keys[1]: (1, 0), keys[2]: (0, 1)}
    assert await store.look(trust.reputations, keys) == expected
    late = Judged((Verdict(keys[0], 2, 0, True), Verdict(keys[2], 0, 1, True)))
    assert await store.together(Delete(keys[2])) == ()
    assert await store.together(late) == Refused(late)
    assert await store.look(trust.reputations, keys) == {keys[0]: (2, 0), keys[1]: (1, 0)}
    assert await store.look(trust.recent, "o", 10) == [("s1", 1, 0), ("s0", 2, 0)]


async def test_a_session_made_again_starts_anew(store: Store) -> None:
    head = await made(store, "s")
    assert await store.together(Judged((Verdict(head.key, 0, 0, False),))) == ()
    assert await store.delete(head.key)
    await made(store, "s")
    assert await store.look(trust.recent, "o", 10) == [("s", 0, 0)]
