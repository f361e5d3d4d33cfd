"""The line of a session: what does not follow from what the database has is refused."""

from dataclasses import replace

from sqlalchemy import text

from semvec.store import Append, Head, Snapshot, Store, line_after
from tests.store.lines import in_line
from tests.store.test_journal import append, memory, session


async def advanced(store: Store, *events: bytes) -> tuple[Head, Append]:
    """A new session with these events, and the last append."""
    head = await session(store)
    appends = in_line(head, *(append(head.key, seq, each) for seq, each in enumerate(events, 1)))
    for each in appends:
        assert await store.append(each)
    return head, appends[-1]


def test_a_line_tells_events_and_their_order() -> None:
    both = line_after(None, (b"a", b"b"))
    assert both == line_after(line_after(None, (b"a",)), (b"b",))
    others = {
        line_after(None, events) for events in ((b"b", b"a"), (b"ab",), (b"b",), (b"", b"ab"))
    }
    assert both not in others
    assert len(others) == 4
    assert line_after(b"line", ()) == b"line"


async def test_heads_keep_their_line(store: Store) -> None:
    head, last = await advanced(store, b"two", b"three")
    assert head.line == line_after(None, (b"created",))
    found = await store.head("o", "s")
    assert found is not None
    assert found.line == last.next_line == line_after(head.line, (b"two", b"three"))
    tail = await store.tail(head.key, 1)
    assert tail.line == found.line
    assert tail.events == ((2, b"two"), (3, b"three"))


async def test_an_append_to_another_line_is_refused(store: Store) -> None:
    head, last = await advanced(store, b"two")
    elsewhere = line_after(head.line, (b"two, lost",))
    assert not await store.append(append(head.key, 2, b"three", line=elsewhere))
    assert not await store.append(append(head.key, 2, b"three"))
    assert await store.append(append(head.key, 2, b"three", line=last.next_line))


async def test_a_snapshot_of_another_line_is_refused(store: Store) -> None:
    head, last = await advanced(store, b"two", b"three", b"four")
    right = line_after(head.line, (b"two",)), last.line, last.next_line
    for seq, line in enumerate(right, 2):
        wrong = line_after(line, (b"lost",))
        for other in (wrong, None):
            lost = Snapshot(head.key, seq, b"lost", (memory(1),), line=other)
            assert not await store.save_snapshot(lost)
    assert len((await store.tail(head.key, 0)).events) == 4
    for seq, line in enumerate(right, 2):
        assert await store.save_snapshot(Snapshot(head.key, seq, b"right", (), line=line))
    assert (await store.tail(head.key, 0)).events == ()


async def test_a_snapshot_that_counts_on_rows_that_are_lost_is_refused(store: Store) -> None:
    head, last = await advanced(store, b"two", b"three")
    taken = Snapshot(head.key, 3, b"taken", (memory(2),), line=last.next_line, base=2)
    assert not await store.save_snapshot(taken)
    assert await store.save_snapshot(Snapshot(head.key, 2, b"before", (memory(1),), line=last.line))
    assert await store.save_snapshot(taken)


async def test_an_older_head_has_no_line_before_its_next_event(store: Store) -> None:
    head, _ = await advanced(store, b"two")
    async with store.engine.begin() as connection:
        await connection.execute(text("UPDATE sessions SET line = NULL"))
    found = await store.head("o", "s")
    assert found is not None
    assert found.line is None
    wrong = Snapshot(head.key, 2, b"", (), line=head.line)
    assert not await store.save_snapshot(wrong)
    assert not await store.save_snapshot(replace(wrong, seq=1))
    assert await store.save_snapshot(replace(wrong, seq=1, line=None))
    assert not await store.append(append(head.key, 2, b"three", line=head.line))
    following = append(head.key, 2, b"three")
    assert await store.append(following)
    assert following.next_line == line_after(None, (b"three",))
    found = await store.head("o", "s")
    assert found is not None
    assert found.line == following.next_line
    assert await store.save_snapshot(replace(wrong, line=None))
