"""Appends, snapshots and deletions: what each one leaves behind, alone and in one batch."""

import asyncio
from collections import Counter

import pytest
from sqlalchemy import event

from semvec.store import (
    Append,
    ArchivedRow,
    Head,
    MemoryRow,
    PieceRow,
    Snapshot,
    Store,
    line_after,
)
from tests.store.counting import COUNTED, rows
from tests.store.lines import append as appended
from tests.store.lines import in_line, line_at, save_snapshot


async def session(store: Store, name: str = "s", owner: str = "o") -> Head:
    head = await store.create(owner, name, 1.5, b"created")
    assert head is not None
    return head


def append(key: int, seq: int, *events: bytes, **rest: object) -> Append:
    return Append(key, seq, events or (b"event",), 2.5, 3, 4, **rest)  # type: ignore[arg-type]


def memory(number: int) -> MemoryRow:
    return MemoryRow(number, f"hash{number}", b"fold%d" % number, b"payload%d" % number)


async def test_a_new_session_starts_at_its_first_event(store: Store) -> None:
    head = await session(store)
    line = line_after(None, (b"created",))
    assert head == Head(head.key, "o", "s", 1, 1.5, 1.5, 0, 0, line=line)
    assert await store.head("o", "s") == head
    assert (await store.tail(head.key, 0)).events == ((1, b"created"),)


async def test_of_concurrent_creations_one_wins(store: Store) -> None:
    made = await asyncio.gather(*(store.create("o", "s", n, b"%d" % n) for n in range(20)))
    (winner,) = [head for head in made if head]
    assert await store.head("o", "s") == winner
    assert (await store.tail(winner.key, 0)).events == ((1, b"%d" % winner.created_at),)
    assert await store.create("o", "s", 99.0, b"late") is None


async def test_two_owners_may_use_one_id(store: Store) -> None:
    mine, theirs = await session(store), await session(store, owner="other")
    assert mine.key != theirs.key
    assert await store.delete(mine.key)
    assert await store.head("other", "s") == theirs


async def test_an_append_moves_the_head(store: Store) -> None:
    head = await session(store)
    assert await appended(store, append(head.key, 1, b"two", b"three"))
    line = line_after(head.line, (b"two", b"three"))
    assert await store.head("o", "s") == Head(head.key, "o", "s", 3, 1.5, 2.5, 3, 4, line=line)
    assert (await store.tail(head.key, 1)).events == ((2, b"two"), (3, b"three"))


async def test_an_append_on_a_moved_head_writes_nothing(store: Store) -> None:
    head = await session(store)
    assert await appended(store, append(head.key, 1, b"first"))
    before = await rows(store)
    archived = (ArchivedRow(memory(1), ("word",)),)
    (late,) = in_line(head, append(head.key, 1, b"late", archived=archived))
    assert not await store.append(late)
    assert not await appended(store, append(head.key, 7, b"early"))
    assert not await appended(store, append(head.key + 1, 1, b"nobody's"))
    assert await rows(store) == before
    assert (await store.tail(head.key, 0)).events == ((1, b"created"), (2, b"first"))


async def test_a_conflict_in_a_batch_fails_alone(store: Store) -> None:
    heads = [await session(store, f"s{n}") for n in range(30)]
    batch = [
        part
        for n, head in enumerate(heads)
        for part in in_line(head, append(head.key, 1 if n % 3 else 5))
    ]
    outcomes = await asyncio.gather(*map(store.append, batch))
    assert outcomes == [bool(n % 3) for n in range(30)]
    assert [head.seq for head in await store.heads("o", limit=99, before=None)] == [
        2 if n % 3 else 1 for n in reversed(range(30))
    ]


async def test_appends_of_one_session_in_one_batch_follow_each_other(store: Store) -> None:
    head = await session(store)
    batch = in_line(head, *(append(head.key, seq, b"a%d" % seq) for seq in (1, 2, 2, 3, 1)))
    assert await asyncio.gather(*map(store.append, batch)) == [True, True, False, True, False]
    assert (await store.tail(head.key, 1)).events == ((2, b"a1"), (3, b"a2"), (4, b"a3"))


async def test_concurrent_writes_share_commits(store: Store) -> None:
    heads = await asyncio.gather(*(session(store, f"s{n}") for n in range(100)))
    commits: Counter[str] = Counter()
    event.listen(store.engine.sync_engine, "commit", lambda _: commits.update(["commit"]))
    batch = [part for head in heads for part in in_line(head, append(head.key, 1))]
    assert all(await asyncio.gather(*map(store.append, batch)))
    assert commits.total() == 1


async def test_a_batch_is_bounded(store: Store) -> None:
    head = await session(store)
    commits: Counter[str] = Counter()
    event.listen(store.engine.sync_engine, "commit", lambda _: commits.update(["commit"]))
    batch = in_line(head, *(append(head.key, seq) for seq in range(1, 601)))
    assert all(await asyncio.gather(*map(store.append, batch)))
    assert commits.total() == 3


async def test_deletion_erases_everything(store: Store) -> None:
    kept, head = await session(store, "kept"), await session(store)
    before = await rows(store)
    before["sessions"] -= 1
    before["events"] -= 1
    archived = (ArchivedRow(memory(1), ("word", "other")),)
    assert await appended(store, append(head.key, 1, b"two", archived=archived))
    assert await save_snapshot(store, Snapshot(head.key, 2, b"snapshot", (memory(2),)))
    assert await appended(store, append(head.key, 2, b"three"))
    assert await store.delete(head.key)
    assert await rows(store) == before
    assert await store.load("o", "s") is None
    assert await store.head("o", "kept") == kept
    assert not await store.delete(head.key)


async def test_a_recreated_session_has_another_key(store: Store) -> None:
    first = await session(store)
    await store.delete(first.key)
    second = await session(store)
    assert second.key > first.key
    assert not await appended(store, append(first.key, 1))


async def test_deletion_among_appends(store: Store) -> None:
    head, other = await session(store), await session(store, "other")
    first, second = in_line(head, append(head.key, 1), append(head.key, 2))
    outcomes = await asyncio.gather(
        store.append(first),
        store.delete(head.key),
        store.append(second),
        store.save_snapshot(Snapshot(head.key, 2, b"late", (memory(1),), line=first.next_line)),
        appended(store, append(other.key, 1)),
    )
    assert list(outcomes) == [True, True, False, False, True]
    left = {"sessions": 1, "events": 2}
    assert await rows(store) == {table.name: 0 for table in COUNTED} | left


async def test_a_snapshot_replaces_the_events_before_it(store: Store) -> None:
    head = await session(store)
    await appended(store, append(head.key, 1, b"two", b"three", b"four"))
    assert await save_snapshot(store, Snapshot(head.key, 3, b"at 3", (memory(1), memory(2))))
    assert (await store.tail(head.key, 0)).events == ((4, b"four"),)
    stored = await store.load("o", "s")
    assert stored is not None
    assert stored.head.seq == 4
    assert stored.snapshot == (3, b"at 3")
    assert stored.events == ((4, b"four"),)
    assert stored.memories == {1: b"payload1", 2: b"payload2"}


@pytest.mark.parametrize(("seq", "saved"), [(2, False), (3, True), (4, True), (5, False)])
async def test_only_a_newer_snapshot_replaces_one(store: Store, seq: int, saved: bool) -> None:
    head = await session(store)
    await appended(store, append(head.key, 1, b"two", b"three", b"four"))
    line = await line_at(store, head.key, seq)
    await save_snapshot(store, Snapshot(head.key, 3, b"old", (memory(1),)))
    newer = Snapshot(head.key, seq, b"new", (memory(1),), line=line)
    assert await store.save_snapshot(newer) is saved
    stored = await store.load("o", "s")
    assert stored is not None
    assert stored.snapshot == ((seq, b"new") if saved else (3, b"old"))
    assert len(stored.events) == 4 - stored.snapshot[0]


async def test_pieces_stay_from_snapshot_to_snapshot_until_they_are_dropped(store: Store) -> None:
    head, other = await session(store), await session(store, "other")
    await appended(store, append(head.key, 1, b"two"))
    one, two, three = (PieceRow(number, b"piece %d" % number) for number in (1, 2, 3))
    again = PieceRow(1, b"never written")
    for key in (head.key, other.key):
        await save_snapshot(store, Snapshot(key, 1, b"first", (), (one, two)))
    await save_snapshot(store, Snapshot(head.key, 2, b"second", (), (again, three), (2, 77)))
    stored, untouched = await store.load("o", "s"), await store.load("o", "other")
    assert stored is not None
    assert untouched is not None
    assert stored.pieces == {1: b"piece 1", 3: b"piece 3"}
    assert untouched.pieces == {1: b"piece 1", 2: b"piece 2"}
    assert not await save_snapshot(store, Snapshot(head.key, 1, b"late", (), (two,), (1,)))
    assert (await store.load("o", "s")) == stored
    await store.delete(head.key)
    assert (await rows(store))["pieces"] == 2


async def test_a_snapshot_of_nothing_is_refused(store: Store) -> None:
    assert not await save_snapshot(store, Snapshot(1, 1, b"", ()))


async def test_loading_has_what_was_hot_at_the_snapshot_or_came_back(store: Store) -> None:
    head = await session(store)
    rows = {n: ArchivedRow(memory(n), (f"word{n}",)) for n in range(1, 5)}
    await appended(store, append(head.key, 1, archived=(rows[1], rows[2])))
    await save_snapshot(store, Snapshot(head.key, 2, b"snapshot", (memory(3), memory(4))))
    await appended(store, append(head.key, 2, archived=(rows[3],)))
    await appended(store, append(head.key, 3, returned=(2,)))
    stored = await store.load("o", "s")
    assert stored is not None
    assert stored.memories == {n: b"payload%d" % n for n in (2, 3, 4)}


async def test_archived_and_returned_in_one_batch(store: Store) -> None:
    head = await session(store)
    one, two = (ArchivedRow(memory(n), ("word",)) for n in (1, 2))
    batch = in_line(
        head,
        append(head.key, 1, archived=(one, two)),
        append(head.key, 2, returned=(1, 2)),
        append(head.key, 3, archived=(two,)),
    )
    assert all(await asyncio.gather(*map(store.append, batch)))
    assert await store.archived_by_hash(head.key, "hash1") is None
    assert await store.archived_by_hash(head.key, "hash2") == b"payload2"
    assert await store.search_archive(head.key, {"word": 1}) == [b"payload2"]
    stored = await store.load("o", "s")
    assert stored is not None
    assert stored.memories == {1: b"payload1", 2: b"payload2"}


async def test_archiving_again_rewrites_payload_and_terms(store: Store) -> None:
    head = await session(store)
    await appended(store, append(head.key, 1, archived=(ArchivedRow(memory(1), ("old",)),)))
    await appended(store, append(head.key, 2, returned=(1,)))
    assert await store.search_archive(head.key, {"old": 1}) == []
    again = MemoryRow(1, "hash1", b"fold1", b"rewritten")
    await appended(store, append(head.key, 3, archived=(ArchivedRow(again, ("new",)),)))
    assert await store.search_archive(head.key, {"old": 1}) == []
    assert await store.search_archive(head.key, {"new": 1}) == [b"rewritten"]


async def test_archiving_what_is_archived_replaces_its_terms(store: Store) -> None:
    head = await session(store)
    for seq, terms in enumerate([("kept", "old"), ("kept", "new")], 1):
        archived = (ArchivedRow(memory(1), terms),)
        assert await appended(store, append(head.key, seq, archived=archived))
    for term, found in {"kept": [b"payload1"], "new": [b"payload1"], "old": []}.items():
        assert await store.search_archive(head.key, {term: 1}) == found


async def test_returned_and_archived_by_one_append(store: Store) -> None:
    head = await session(store)
    archived = (ArchivedRow(memory(1), ("word",)),)
    assert await appended(store, append(head.key, 1, archived=archived))
    assert await appended(store, append(head.key, 2, returned=(1,), archived=archived))
    assert await store.search_archive(head.key, {"word": 1}) == [b"payload1"]


async def test_a_snapshot_leaves_a_memory_archived_since_alone(store: Store) -> None:
    head = await session(store)
    await appended(store, append(head.key, 1, b"two"))
    await appended(store, append(head.key, 2, archived=(ArchivedRow(memory(1), ("word",)),)))
    await save_snapshot(store, Snapshot(head.key, 2, b"snapshot", (memory(1),)))
    assert await store.archived_by_hash(head.key, "hash1") == b"payload1"
    stored = await store.load("o", "s")
    assert stored is not None
    assert stored.memories == {1: b"payload1"}
