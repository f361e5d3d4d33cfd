"""Who is active, and whose the sessions are, on both databases."""

import asyncio

from semvec.store import Conflicted, Store, users
from semvec.store.users import SwitchUser


async def made(store: Store, *names: str, owner: str = "o") -> None:
    for at, name in enumerate(names):
        assert await store.create(owner, name, float(at), b"created")


async def of(store: Store, user_id: str, owner: str = "o") -> list[str] | None:
    found = await store.query(users.user, owner, user_id, 100)
    return None if found is None else [each.session_id for each in found.sessions]


async def test_sessions_belong_to_whoever_is_active(store: Store) -> None:
    await made(store, "a", "b")
    assert await store.query(users.active, "o") == "default"
    assert await store.transact(SwitchUser("o", "default", "bob", 5.0)) == ()
    await made(store, "c")
    await made(store, "d", owner="p")
    assert await store.query(users.active, "o") == "bob"
    assert await store.query(users.active, "p") == "default"
    assert await of(store, "default") == ["b", "a"]
    assert await of(store, "bob") == ["c"]
    assert await of(store, "default", "p") == ["d"]
    assert await of(store, "bob", "p") is None


async def test_a_switch_notes_when_a_user_came_and_went(store: Store) -> None:
    for old, new, at in (("default", "bob", 5.0), ("bob", "default", 7.0), ("default", "bob", 9.0)):
        assert await store.transact(SwitchUser("o", old, new, at)) == ()
    bob, first = [await store.query(users.user, "o", name, 0) for name in ("bob", "default")]
    assert bob is not None
    assert first is not None
    assert (bob.active, bob.created_at, bob.saved_at) == (True, 5.0, 7.0)
    assert (first.active, first.created_at, first.saved_at) == (False, 5.0, 9.0)


async def test_of_switches_at_once_each_follows_the_one_before(store: Store) -> None:
    """Those that come too late are refused, in a batch and one after the other."""
    switches = [SwitchUser("o", "default", f"u{n}", 1.0) for n in range(4)]
    done = await asyncio.gather(*(store.transact(each) for each in switches))
    taken = [each for each, outcome in zip(switches, done, strict=True) if outcome == ()]
    assert len(taken) == 1
    assert await store.query(users.active, "o") == taken[0].new
    assert await of(store, switches[1].new if taken[0] is switches[0] else "u0") is None
    late = SwitchUser("o", "default", "late", 2.0)
    assert await store.transact(late) == Conflicted(late)


async def test_the_sessions_used_last_come_first_and_all_are_counted(store: Store) -> None:
    await made(store, *"abcde")
    found = await store.query(users.user, "o", "default", 2)
    assert found is not None
    assert [each.session_id for each in found.sessions] == ["e", "d"]
    assert found.session_count == 5
