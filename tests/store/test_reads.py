"""What is read beside the writer: lists, and recall from the archive."""

import asyncio
import random
from collections.abc import Mapping

import pytest
from sqlalchemy import event

from semvec.store import Append, ArchivedRow, MemoryRow, Snapshot, Store

WORDS = [f"word{n}" for n in range(12)]


async def archive(store: Store, contents: Mapping[int, tuple[str, ...]]) -> int:
    """A session whose archive holds memories with these terms; the payload is the id."""
    head = await store.create("o", "s", 0.0, b"created")
    assert head is not None
    rows = tuple(
        ArchivedRow(MemoryRow(id_, f"hash{id_ % 7}", b"fold%d" % (id_ % 5), b"%d" % id_), terms)
        for id_, terms in contents.items()
    )
    assert await store.append(Append(head.key, 1, (b"archived",), 1.0, 1, 1, archived=rows))
    return head.key


async def test_archive_ranks_by_weight_then_by_newest(store: Store) -> None:
    contents = {1: ("a",), 2: ("b",), 3: ("a", "b"), 4: ("c",), 5: ("a",), 6: ("d",)}
    key = await archive(store, contents)
    assert await store.search_archive(key, {"a": 2, "b": 3, "c": 2, "e": 9}) == [
        b"3", b"2", b"5", b"4", b"1"
    ]  # fmt: skip
    assert await store.search_archive(key, {"a": 2, "b": 3}, limit=2) == [b"3", b"2"]
    assert await store.search_archive(key, {}) == []
    assert await store.search_archive(key + 1, {"a": 1}) == []


@pytest.mark.parametrize("seed", range(3))
async def test_archive_ranks_as_counted_by_hand(store: Store, seed: int) -> None:
    chance = random.Random(seed)
    contents = {n: tuple(chance.sample(WORDS, chance.randint(1, 6))) for n in range(1, 200)}
    key = await archive(store, contents)
    weights = {word: chance.randint(1, 40) for word in chance.sample(WORDS, 5)}
    scores = {n: sum(weights.get(term, 0) for term in terms) for n, terms in contents.items()}
    expected = sorted((n for n in scores if scores[n]), key=lambda n: (-scores[n], -n))[:64]
    assert await store.search_archive(key, weights) == [b"%d" % n for n in expected]


async def test_terms_of_any_kind(store: Store) -> None:
    strange = ("ß", "日本語", "it's", "%", "_", '"', "🙂", "x" * 128, "y" * 100_000, "")
    key = await archive(store, {1: strange})
    for term in strange:
        found = await store.search_archive(key, {term: 1})
        assert found == ([b"1"] if 0 < len(term) <= 128 else [])


async def test_a_query_of_many_terms_keeps_the_heaviest(store: Store) -> None:
    key = await archive(store, {1: ("light",), 2: ("heavy",)})
    weights = {"light": 1, "heavy": 3} | {f"filler{n}": 2 for n in range(50_000)}
    assert await store.search_archive(key, weights) == [b"2"]


async def test_archive_search_is_one_statement(store: Store) -> None:
    key = await archive(store, {1: ("a",)})
    statements: list[str] = []
    event.listen(
        store.engine.sync_engine, "before_cursor_execute", lambda *call: statements.append(call[2])
    )
    await store.search_archive(key, {"a": 1, "b": 1})
    assert len(statements) == 1


async def test_the_newest_of_equal_archived_memories(store: Store) -> None:
    key = await archive(store, dict.fromkeys(range(1, 20), ("a",)))
    assert await store.archived_by_hash(key, "hash3") == b"17"
    assert await store.archived_by_fold(key, b"fold2") == b"17"
    assert await store.archived_by_hash(key, "hash9") is None
    assert await store.archived_by_fold(key + 1, b"fold2") is None
    await store.append(Append(key, 2, (b"recalled",), 2.0, 1, 1, returned=(17,)))
    assert await store.archived_by_hash(key, "hash3") == b"10"
    assert await store.archived_by_fold(key, b"fold2") == b"12"


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
            assert await store.append(append)
            seq += 2
            if seq % 10 == 1:
                assert await store.save_snapshot(Snapshot(head.key, seq, b"%d" % seq, ()))

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
    assert await store.tail(1, 0) == ()
    await store.ping()
