"""Contents that come all at once: unseen before they are adopted, and then instead of all else."""

import asyncio

import pytest

from semvec.store import (
    Append,
    ArchivedRow,
    Head,
    MemoryRow,
    PieceRow,
    Replace,
    Snapshot,
    StagedRows,
    Store,
    erasure,
)
from semvec.store.tables import orphans
from tests.store.counting import rows
from tests.store.lines import append as appended
from tests.store.lines import in_line, save_snapshot


def memory(number: int, text: str = "old") -> MemoryRow:
    return MemoryRow(number, f"{text}{number}", b"%s%d" % (text.encode(), number), text.encode())


def append(key: int, seq: int, **rest: object) -> Append:
    return Append(key, seq, (b"event",), 2.5, 3, 4, **rest)  # type: ignore[arg-type]


def replace(key: int, content: int) -> Replace:
    return Replace(key, content, b"imported", used_at=9.0, interaction_count=7, total_memories=5)


def archived(*numbers: int, text: str = "new") -> tuple[ArchivedRow, ...]:
    return tuple(ArchivedRow(memory(number, text), (text, f"w{number}")) for number in numbers)


async def erased(store: Store) -> None:
    """Wait for what was left to be gone."""
    async with asyncio.timeout(10):
        while (await rows(store))["remains"]:  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def full_session(store: Store, name: str = "s") -> Head:
    """A session with a snapshot, an event after it, an archived memory and a piece."""
    head = await store.create("o", name, 1.5, b"created")
    assert head is not None
    assert await appended(store, append(head.key, 1, archived=archived(1, text="old")))
    pieces = (PieceRow(1, b"piece"),)
    assert await save_snapshot(store, Snapshot(head.key, 2, b"snap", (memory(2),), pieces))
    assert await appended(store, append(head.key, 2))
    return head


async def staged(store: Store) -> int:
    content = await store.begin_import(5.0)
    assert await store.stage(
        content, 5.0, StagedRows(hot=(memory(1, "new"),), archived=archived(2, 3))
    )
    assert await store.stage(content, 6.0, StagedRows(pieces=(PieceRow(4, b"more"),)))
    return content


async def test_what_is_staged_is_seen_by_nobody(store: Store) -> None:
    head = await full_session(store)
    before = await store.load("o", "s")
    await staged(store)
    assert await store.load("o", "s") == before
    assert await store.archived_by_hash(head.key, "new2") is None
    assert await store.search_archive(head.key, {"new": 1}) == []
    assert await store.count("o") == 1


async def test_an_import_takes_the_place_of_everything(store: Store) -> None:
    head = await full_session(store)
    other = await full_session(store, "other")
    untouched = await store.load("o", "other")
    assert await store.replace(replace(head.key, await staged(store)))

    found = await store.load("o", "s")
    assert found is not None
    assert found.head == Head(head.key, "o", "s", 4, 1.5, 9.0, 7, 5, line=found.head.line)
    assert found.snapshot == (4, b"imported")
    assert found.memories == {1: b"new"}
    assert found.pieces == {4: b"more"}
    assert found.events == (await store.tail(head.key, 3)).events == ()
    assert await store.archived_by_hash(head.key, "new2") == b"new"
    assert await store.archived_by_hash(head.key, "old1") is None
    assert await store.search_archive(head.key, {"new": 1}) == [b"new", b"new"]
    assert await store.search_archive(head.key, {"old": 1}) == []

    assert await store.load("o", "other") == untouched
    assert await store.archived_by_hash(other.key, "old1") == b"old"
    assert {name: count for name, count in (await rows(store)).items() if count} == {
        "sessions": 2, "events": 1, "snapshots": 2, "memories": 5, "archive_terms": 6, "pieces": 2,
    }  # fmt: skip


async def test_a_session_goes_on_from_what_was_imported(store: Store) -> None:
    head = await full_session(store)
    assert await store.replace(replace(head.key, await staged(store)))
    assert not await appended(store, append(head.key, 3))
    late = Snapshot(head.key, 3, b"late", (memory(9),))
    assert not await save_snapshot(store, late)
    moved = append(head.key, 4, archived=archived(1), returned=(2,))
    assert await appended(store, moved)
    assert (await store.tail(head.key, 4)).events == ((5, b"event"),)
    assert await store.search_archive(head.key, {"w1": 1}) == [b"new", b"new"]  # 1, and 3 after it
    assert await store.search_archive(head.key, {"w2": 1}) == []
    found = await store.load("o", "s")
    assert found is not None
    assert found.memories.keys() == {1, 2}
    assert await save_snapshot(store, Snapshot(head.key, 5, b"next", ()))
    assert await store.replace(replace(head.key, await staged(store)))
    assert await store.delete(head.key)
    assert not any((await rows(store)).values())


async def test_an_import_among_appends_in_one_batch(store: Store) -> None:
    head = await full_session(store)
    content = await staged(store)
    found = await store.head("o", "s")
    assert found is not None
    old = append(head.key, 3, archived=archived(2, text="old"))
    first, late = in_line(found, old, append(head.key, 4))
    imported = replace(head.key, content)
    line = imported.line_from(first.next_line)
    outcomes = await asyncio.gather(
        store.append(first),
        store.save_snapshot(Snapshot(head.key, 4, b"before", (memory(3),), line=first.next_line)),
        store.replace(imported),
        store.append(late),
        store.append(append(head.key, 5, line=line)),
    )
    assert list(outcomes) == [True, True, True, False, True]
    stored = await store.load("o", "s")
    assert stored is not None
    assert (stored.head.seq, stored.snapshot, stored.events) == (
        6,
        (5, b"imported"),
        ((6, b"event"),),
    )
    assert (await rows(store))["memories"] == 3


async def test_an_import_into_a_session_that_is_gone_changes_nothing(store: Store) -> None:
    head = await full_session(store)
    content = await staged(store)
    await store.delete(head.key)
    again = await store.create("o", "s", 3.0, b"created again")
    assert not await store.replace(replace(head.key, content))
    assert await store.head("o", "s") == again
    await store.discard(content)
    left = await rows(store)
    assert (left["memories"], left["imports"], left["archive_terms"]) == (0, 0, 0)


async def test_what_was_discarded_cannot_be_adopted(store: Store) -> None:
    head = await full_session(store)
    before = await rows(store)
    content = await staged(store)
    await store.discard(content)
    assert await rows(store) == before
    assert not await store.stage(content, 7.0, StagedRows(hot=(memory(1),)))
    assert not await store.replace(replace(head.key, content))
    assert await rows(store) == before


async def test_discarding_what_was_adopted_changes_nothing(store: Store) -> None:
    head = await full_session(store)
    content = await staged(store)
    assert await store.replace(replace(head.key, content))
    before = await store.load("o", "s")
    await store.discard(content)
    assert await store.load("o", "s") == before
    assert not await store.replace(replace(head.key, content))


async def test_imports_without_a_sign_of_life_are_discarded(store: Store) -> None:
    dead, alive = await staged(store), await staged(store)
    await store.stage(alive, 100.0, StagedRows(hot=(memory(7),)))
    await store.clean_up(50.0)
    assert not await store.stage(dead, 101.0, StagedRows(hot=(memory(8),)))
    assert await store.stage(alive, 101.0, StagedRows(hot=(memory(8),)))
    assert (await rows(store))["imports"] == 1


async def test_imports_at_once_do_not_meet(store: Store) -> None:
    heads = [await full_session(store, f"s{number}") for number in range(6)]

    async def imported(head: Head) -> bool:
        return await store.replace(replace(head.key, await staged(store)))

    assert await asyncio.gather(*map(imported, heads)) == [True] * 6
    for head in heads:
        found = await store.load("o", head.session_id)
        assert found is not None
        assert found.memories == {1: b"new"}


@pytest.mark.parametrize("many", [1, 3])
async def test_much_is_erased_piece_by_piece(
    store: Store, monkeypatch: pytest.MonkeyPatch, many: int
) -> None:
    monkeypatch.setattr(erasure, "ERASE_BATCH", many)
    head = await full_session(store)
    content = await store.begin_import(5.0)
    assert await store.stage(content, 5.0, StagedRows(archived=archived(*range(1, 11))))
    assert await store.replace(replace(head.key, content))
    await erased(store)
    assert (await rows(store))["memories"] == 10
    assert await store.delete(head.key)
    assert await store.load("o", "s") is None
    await erased(store)
    assert not any((await rows(store)).values())


async def test_what_a_server_left_half_erased_the_next_one_erases(database_url: str) -> None:
    first = Store(database_url)
    await first.open()
    content = await staged(first)
    async with first.engine.begin() as connection:
        await connection.execute(orphans.insert().values(content=content))
    await first.close()
    second = Store(database_url)
    await second.open()
    await erased(second)
    left = await rows(second)
    assert (left["memories"], left["archive_terms"], left["pieces"]) == (0, 0, 0)
    await second.close()


async def test_a_whole_session_is_read_as_of_one_moment(store: Store) -> None:
    head = await full_session(store)
    content = await store.begin_import(5.0)
    for start in range(1, 600, 100):
        assert await store.stage(
            content, 5.0, StagedRows(archived=archived(*range(start, start + 100)))
        )
    assert await store.replace(replace(head.key, content))
    async with store.open_reader("o", "s") as whole:
        assert whole is not None
        assert whole.shows(head.key, 4, whole.stored.head.line)
        assert not whole.shows(head.key, 4, b"another")
        pages = whole.archive()
        first = await anext(pages)
        assert await store.replace(replace(head.key, await staged(store)))
        found = [*first, *[row async for page in pages for row in page]]
    assert [row.id for row in found] == list(range(1, 601))
    assert found[5] == memory(6, "new")
    async with store.open_reader("o", "nobody's") as nothing:
        assert nothing is None
