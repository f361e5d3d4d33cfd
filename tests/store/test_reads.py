"""What is read beside the writer."""

import asyncio

from semvec.store import Append, ArchivedRow, MemoryRow, Snapshot, Store
from tests.store.archives import archive
from tests.store.lines import append as appended
from tests.store.lines import save_snapshot


async def test_the_newest_of_equal_archived_memories(store: Store) -> None:
    key = await archive(store, dict.fromkeys(range(1, 20), ("a",)))
    assert await store.archived_by_hash(key, "hash3") == b"17"
    assert await store.archived_by_folds(key, [b"fold2", b"?", b"fold1"]) == [b"16", b"17"]
    assert await store.archived_by_hash(key, "hash9") is None
    assert await store.archived_by_folds(key + 1, [b"fold2"]) == []
    await appended(store, Append(key, 2, (b"recalled",), 2.0, 1, 1, returned=(17,)))
    assert await store.archived_by_hash(key, "hash3") == b"10"
    assert await store.archived_by_folds(key, [b"fold2"]) == [b"12"]


async def test_sessions_are_listed_newest_first_page_by_page(store: Store) -> None:
    for n in range(7):
        await store.create("o", f"s{n}", float(n), b"created")
        await store.create("other", f"s{n}", float(n), b"created")
    pages, before = [], None
    while page := await store.heads("o", limit=3, before=before):
        pages.append([head.session_id for head in page])
        before = page[-1].key
    assert pages == [["s6", "s5", "s4"], ["s3", "s2", "s1"], ["s0"]]
    assert await store.count("o") == 7
    assert await store.count("nobody") == 0


async def test_a_session_is_loaded_as_of_one_moment(store: Store) -> None:
    head = await store.create("o", "s", 0.0, b"created")
    assert head is not None
    seq = 1

    async def write() -> None:
        nonlocal seq
        while seq < 300:
            row = ArchivedRow(MemoryRow(seq, "hash", b"fold", b"%d" % seq), ("word",))
            append = Append(head.key, seq, (b"a", b"b"), 1.0, seq, seq, archived=(row,))
            assert await appended(store, append)
            seq += 2
            if seq % 10 == 1:
                assert await save_snapshot(store, Snapshot(head.key, seq, b"%d" % seq, ()))

    writing = asyncio.create_task(write())
    moments = set()
    while not writing.done():
        stored = await store.load("o", "s")
        assert stored is not None
        at = 0
        if stored.snapshot:
            at = stored.snapshot[0]
            assert stored.snapshot[1] == b"%d" % at
        assert [seq for seq, _ in stored.events] == list(range(at + 1, stored.head.seq + 1))
        assert sorted(stored.memories) == list(range(max(at, 1), stored.head.seq, 2))
        moments.add(stored.head.seq)
    await writing
    assert len(moments) > 5


async def test_unknown_sessions(store: Store) -> None:
    assert await store.head("o", "s") is None
    assert await store.load("o", "s") is None
    assert (await store.tail(1, 0)).events == ()
    await store.ping()
