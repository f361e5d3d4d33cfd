"""Several writes as one: all of them or none, in a batch with others and beside other servers."""

import asyncio
import random
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import Connection, event, text

from semvec.store import (
    Append,
    Conflicted,
    Create,
    Delete,
    GuardedChange,
    Head,
    Replace,
    SessionKind,
    StagedRows,
    Store,
    UniqueRow,
)
from semvec.store.trust import RecordVotes, VoteOutcome
from tests.store.counting import rows
from tests.store.lines import in_line
from tests.store.test_journal import append, memory, session


@dataclass(frozen=True, slots=True)
class Count(GuardedChange):
    """Adds to the counter of a session, if it is at `old`; one of `None` at whatever it is."""

    key: int
    old: int | None = None
    by: int = 1

    @property
    def heads(self) -> Collection[int]:
        return (self.key,)

    def decide(self, connection: Connection) -> bool:
        return self.old is None or self._number(connection) == self.old

    def carry_out(self, connection: Connection, made: Sequence[Head]) -> None:
        number = self._number(connection) + self.by
        connection.execute(text("DELETE FROM counters WHERE key = :key"), {"key": self.key})
        connection.execute(
            text("INSERT INTO counters VALUES (:key, :number)"),
            {"key": self.key, "number": number},
        )

    def _number(self, connection: Connection) -> int:
        read = text("SELECT number FROM counters WHERE key = :key")
        return connection.scalar(read, {"key": self.key}) or 0


@dataclass(frozen=True, slots=True)
class Named(GuardedChange):
    """Writes down the first session that its operation makes."""

    @property
    def heads(self) -> Collection[int]:
        return ()

    def decide(self, connection: Connection) -> bool:
        return True

    def carry_out(self, connection: Connection, made: Sequence[Head]) -> None:
        Count(made[0].key).carry_out(connection, made)


@dataclass(frozen=True, slots=True)
class Word(UniqueRow):
    word: str
    by: str = "somebody"

    @property
    def name(self) -> tuple[str, ...]:
        return "words", self.word

    def insert(self, connection: Connection) -> bool:
        insert = text("INSERT INTO words VALUES (:word, :by) ON CONFLICT DO NOTHING")
        return connection.execute(insert, {"word": self.word, "by": self.by}).rowcount == 1

    def release(self, connection: Connection) -> None:
        connection.execute(text("DELETE FROM words WHERE word = :word"), {"word": self.word})


@pytest.fixture
async def store(store: Store) -> Store:
    """One with tables of these tests."""
    await make_tables(store)
    return store


async def make_tables(store: Store) -> None:
    async with store.engine.connect() as connection:
        await connection.execute(text("CREATE TABLE counters (key BIGINT, number BIGINT)"))
        await connection.execute(text("CREATE TABLE words (word TEXT PRIMARY KEY, made_by TEXT)"))
        await connection.commit()


async def table(store: Store, name: str) -> dict[Any, Any]:
    async with store.engine.connect() as connection:
        found = await connection.execute(text(f"SELECT * FROM {name}"))
        return {row[0]: row[1] for row in found}


async def seqs(store: Store, *names: str) -> list[int]:
    heads = [await store.head("o", name) for name in names]
    return [head.seq if head else 0 for head in heads]


async def test_all_parts_take_effect_at_once(store: Store) -> None:
    a, b = await session(store, "a"), await session(store, "b")
    first, second = in_line(a, append(a.key, 1), append(a.key, 2))
    made = await store.transact(
        first,
        Create("o", "c", 5.0, b"created", SessionKind.BACKING, 8, b"points"),
        Word("new"),
        Delete(b.key),
        second,
        Named(),
    )
    head = await store.head("o", "c")
    assert head is not None
    assert made == (head,)
    assert head == Head(head.key, "o", "c", 1, 5.0, 5.0, 0, 0, SessionKind.BACKING, 8, head.line)
    assert await seqs(store, "a", "b", "c") == [3, 0, 1]
    assert await table(store, "words") == {"new": "somebody"}
    assert await table(store, "counters") == {head.key: 1}
    assert (await store.tail(head.key, 0)).events == ((1, b"created"),)


async def test_a_refusal_at_the_end_leaves_no_trace_of_the_beginning(store: Store) -> None:
    a, b = await session(store, "a"), await session(store, "b")
    await store.transact(Word("taken"))
    content = await store.begin_import(1.0)
    assert await store.stage(content, 1.0, StagedRows(hot=(memory(1),)))
    before, words = await rows(store), await table(store, "words")
    late: tuple[Any, ...] = (
        append(b.key, 2),
        Delete(b.key + 9),
        Create("o", "a", 1.0, b"created"),
        Word("taken"),
        Count(b.key, old=7),
        Count(b.key + 9),
        Replace(b.key, content - 1, b"imported", 1.0, 1, 1),
    )
    for part in late:
        outcome = await store.transact(
            *in_line(a, append(a.key, 1)),
            Create("o", "c", 5.0, b"created"),
            Word("new"),
            Count(a.key),
            Replace(a.key, content, b"imported", 1.0, 1, 1),
            part,
        )
        assert outcome == Conflicted(part)
        assert await rows(store) == before
        assert await table(store, "words") == words
        assert await table(store, "counters") == {}
    assert await seqs(store, "a", "b", "c") == [1, 1, 0]
    imported = Replace(a.key, content, b"imported", 1.0, 1, 1)
    assert await store.transact(*in_line(a, append(a.key, 1)), imported) == ()
    assert await seqs(store, "a") == [3]


async def test_of_two_in_a_batch_on_one_head_the_first_takes_effect(store: Store) -> None:
    a, b, c = [await session(store, name) for name in "abc"]
    (second,) = in_line(b, append(b.key, 1, b"second"))
    outcomes: Sequence[Any] = await asyncio.gather(
        store.transact(*in_line(a, append(a.key, 1, b"first")), *in_line(b, append(b.key, 1))),
        store.transact(*in_line(c, append(c.key, 1)), second),
        store.append(*in_line(c, append(c.key, 1, b"alone"))),
    )
    assert outcomes == [(), Conflicted(second), True]
    assert await seqs(store, "a", "b", "c") == [2, 2, 2]
    assert (await store.tail(c.key, 1)).events == ((2, b"alone"),)


async def test_a_change_sees_what_earlier_operations_of_its_batch_changed(store: Store) -> None:
    a = await session(store, "a")
    outcomes: Sequence[Any] = await asyncio.gather(
        *(store.transact(Count(a.key, old=old)) for old in (0, 0, 1, 2))
    )
    assert outcomes == [(), Conflicted(Count(a.key, old=0)), (), ()]
    assert await table(store, "counters") == {a.key: 3}
    gone: Sequence[Any] = await asyncio.gather(store.delete(a.key), store.transact(Count(a.key)))
    assert gone == [True, Conflicted(Count(a.key))]


async def test_a_name_that_one_operation_leaves_goes_to_the_next(store: Store) -> None:
    a = await session(store, "a")
    late = append(a.key, 7)
    outcomes: Sequence[Any] = await asyncio.gather(
        store.transact(Create("o", "n", 1.0, b"first"), Word("w", "first"), late),
        store.transact(
            Create("o", "n", 2.0, b"second", SessionKind.META, 3, b"way"),
            Word("w", "second"),
            Named(),
        ),
        store.transact(Create("o", "n", 3.0, b"third")),
        store.create("o", "n", 4.0, b"fourth"),
        store.transact(Word("w", "third")),
    )
    head = await store.head("o", "n")
    assert head is not None
    assert outcomes == [
        Conflicted(late),
        (head,),
        Conflicted(Create("o", "n", 3.0, b"third")),
        None,
        Conflicted(Word("w", "third")),
    ]
    assert head == Head(head.key, "o", "n", 1, 2.0, 2.0, 0, 0, SessionKind.META, 3, head.line)
    assert (await store.tail(head.key, 0)).events == ((1, b"second"),)
    assert await table(store, "words") == {"w": "second"}


async def test_names_that_come_to_nothing_can_be_had_again(store: Store) -> None:
    a = await session(store, "a")
    twice = Create("o", "n", 2.0, b"second")
    assert await store.transact(Create("o", "n", 1.0, b"first"), twice) == Conflicted(twice)
    assert await store.transact(Word("w"), Word("w", "me too")) == Conflicted(Word("w", "me too"))
    assert await store.transact(Create("o", "n", 1.0, b"first"), append(a.key, 5)) != ()
    assert await seqs(store, "n") == [0]
    assert await store.create("o", "n", 9.0, b"mine")
    assert await store.transact(Word("w", "mine")) == ()
    assert await table(store, "words") == {"w": "mine"}


async def test_sessions_that_stand_behind_something_are_not_listed(store: Store) -> None:
    await session(store, "plain")
    for kind in (SessionKind.BACKING, SessionKind.META):
        await store.transact(Create("o", kind.name, 1.0, b"created", kind))
    assert [each.session_id for each in await store.heads("o", limit=9, before=None)] == ["plain"]
    assert await store.count("o") == 1


async def test_servers_that_write_together_never_lock_each_other_out(postgres_url: str) -> None:
    """Transfers between ten sessions on two servers: the sum stays, every head counts its moves."""
    stores = [Store(postgres_url) for _ in range(2)]
    await asyncio.gather(*(store.open() for store in stores))
    await make_tables(stores[0])
    names = [f"s{n}" for n in range(10)]
    keys = {name: (await session(stores[0], name)).key for name in names}
    chance = random.Random(3)
    moves = [chance.sample(names, 3) for _ in range(120)]

    async def move(store: Store, number: int, places: Sequence[str]) -> None:
        while True:
            parts: list[Any] = [Word(f"w{number % 40}-{number // 40}")]
            for name in places:
                head = await store.head("o", name)
                assert head is not None
                parts += in_line(head, Append(head.key, head.seq, (b"moved",), 1.0, 0, 0))
            parts += [Count(keys[places[0]], by=-2), *(Count(keys[at]) for at in places[1:])]
            if await store.transact(*parts) == ():
                return

    await asyncio.gather(*(move(stores[n % 2], n, places) for n, places in enumerate(moves)))
    counters = await table(stores[1], "counters")
    assert sum(counters.values()) == 0
    assert sum(await seqs(stores[0], *names)) == 10 + 3 * len(moves)
    assert len(await table(stores[0], "words")) == len(moves)
    for name in names:
        firsts = sum(places[0] == name for places in moves)
        others = sum(name in places[1:] for places in moves)
        assert counters.get(keys[name], 0) == others - 2 * firsts
        assert await seqs(stores[1], name) == [1 + firsts + others]
    await asyncio.gather(*(store.close() for store in stores))


async def test_many_heads_of_many_at_once_are_more_than_one_statement_takes(store: Store) -> None:
    """A PostgreSQL statement takes 32,767 values."""
    head = await session(store)
    crowds = [
        RecordVotes(tuple(VoteOutcome(n, 0, 0, True) for n in range(start, start + 10_000)))
        for start in range(1_000, 41_000, 10_000)
    ]
    *crowded, counted = await asyncio.gather(
        *(store.transact(crowd) for crowd in crowds), store.transact(Count(head.key, 0))
    )
    assert crowded == [Conflicted(crowd) for crowd in crowds]
    assert counted == ()


async def test_no_call_of_a_driver_takes_more_than_some_rows(store: Store) -> None:
    """The event loop makes them ready, and has others to serve."""
    heads = await asyncio.gather(*(session(store, f"s{n}") for n in range(600)))
    parts = [part for head in heads for part in in_line(head, append(head.key, 1))]
    calls: list[int] = []

    def called(*call: Any) -> None:
        if call[-1]:
            calls.append(len(call[3]))

    event.listen(store.engine.sync_engine, "before_cursor_execute", called)
    try:
        assert await store.try_transact(*parts)
    finally:
        event.remove(store.engine.sync_engine, "before_cursor_execute", called)
    assert sum(calls) >= 1200
    assert max(calls) <= 256
