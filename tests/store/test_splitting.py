"""Batches that conflict or are refused, on real databases: who commits, who fails, what is left."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from copy import copy
from dataclasses import dataclass, replace
from typing import Any

import asyncpg
import pytest
from sqlalchemy import Connection, text

from semvec.audit import AuditLog
from semvec.errors import Unavailable
from semvec.store import (
    AnswerRow,
    Append,
    ArchivedRow,
    AuditFilter,
    Head,
    MemoryRow,
    Store,
    UnitOfWork,
    WriteContext,
    line_after,
    write_context,
)
from semvec.store.postgresql import SERVER_SETTINGS
from semvec.store.records import UnconditionalChange
from semvec.store.splitting import PATIENCE_S, TRIES, Splitting
from tests.store.test_audit import RECEIPT
from tests.store.test_journal import append, session
from tests.store.test_unit_of_work import repeat

SIZE = 40
BAD = 23
"""Which of the batch is to fail."""


@dataclass(frozen=True, slots=True)
class Broken(UnconditionalChange):
    """A change whose own code fails."""

    key: int

    @property
    def heads(self) -> Collection[int]:
        return (self.key,)

    def carry_out(self, connection: Connection, made: Sequence[Head]) -> None:
        raise ZeroDivisionError


async def sessions(store: Store) -> list[Head]:
    return await asyncio.gather(*(session(store, f"s{number}") for number in range(SIZE)))


async def at_once(*writes: Awaitable[Any]) -> list[Any]:
    """What becomes of writes that share a batch."""
    return await asyncio.gather(*writes, return_exceptions=True)


async def check(store: Store, heads: list[Head], outcomes: list[Any]) -> None:
    """All but the bad one are there, once; of that one nothing is."""
    failed = [number for number, outcome in enumerate(outcomes) if outcome is not True]
    assert failed == [BAD]
    assert isinstance(outcomes[BAD], Unavailable)
    for number, head in enumerate(heads):
        events = [(1, b"created")] if number == BAD else [(1, b"created"), (2, b"event")]
        assert list((await store.tail(head.key, 0)).events) == events
    assert await store.append(append(heads[BAD].key, 1, line=heads[BAD].line))


def unsendable(good: Append) -> Append:
    """The same with an event that no driver takes."""
    bad = copy(good)
    object.__setattr__(bad, "events", (None,))
    return bad


def appended(heads: list[Head], number: int) -> Append:
    """The next event of a head; that of the bad one cannot be sent."""
    good = append(heads[number].key, 1, line=heads[number].line)
    return unsendable(good) if number == BAD else good


async def execute(url: str, statement: str) -> Any:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(statement)
    finally:
        await connection.close()


async def raising(url: str, when: str, state: str, *, at_commit: bool = False) -> None:
    """Have PostgreSQL raise this for an event, at its insertion or at COMMIT; `tries` counts."""
    kind = "CONSTRAINT TRIGGER" if at_commit else "TRIGGER"
    await execute(url, "CREATE SEQUENCE tries")
    await execute(
        url,
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        f" IF {when} THEN PERFORM nextval('tries'); RAISE SQLSTATE '{state}'; END IF;"
        " RETURN NEW; END $$",
    )
    await execute(
        url,
        f"CREATE {kind} refuse AFTER INSERT ON events"
        f"{' DEFERRABLE INITIALLY DEFERRED' if at_commit else ''}"
        " FOR EACH ROW EXECUTE FUNCTION refuse()",
    )


async def tries(url: str) -> int:
    return int(
        await execute(url, "SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM tries")
    )


@pytest.fixture
async def filled(store: Store) -> list[Head]:
    return await sessions(store)


@pytest.mark.parametrize("state", ["40001", "40P01"])
async def test_a_conflict_that_passes_is_seen_by_nobody(
    postgres_url: str, state: str, caplog: pytest.LogCaptureFixture
) -> None:
    store = Store(postgres_url)
    await store.open()
    heads = await sessions(store)
    await raising(postgres_url, "(SELECT last_value FROM tries) < 3", state)
    outcomes = await at_once(*(store.append(append(head.key, 1, line=head.line)) for head in heads))
    assert outcomes == [True] * SIZE
    assert await tries(postgres_url) == 3 < TRIES
    for head in heads:
        assert (await store.tail(head.key, 1)).events == ((2, b"event"),)
    assert f"{SIZE} writes are committed again" in caplog.text
    await store.close()


async def test_a_deadlock_passes(postgres_url: str) -> None:
    """The other transaction has the second head and asks for the first."""
    store = Store(postgres_url)
    await store.open()
    first, second = await session(store, "one"), await session(store, "two")
    lock = "SELECT key FROM sessions WHERE key = $1 FOR UPDATE"
    other = await asyncpg.connect(postgres_url)
    await other.execute("SET deadlock_timeout = '60s'")
    async with other.transaction():
        await other.fetch(lock, second.key)
        writing = asyncio.create_task(
            at_once(
                *(store.append(append(each.key, 1, line=each.line)) for each in (first, second))
            )
        )
        waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
        async with asyncio.timeout(30):
            while not await other.fetchval(f"{waiting} AND datname = current_database()"):  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            await other.fetch(lock, first.key)
    assert await writing == [True, True]
    for key in (first.key, second.key):
        assert (await store.tail(key, 1)).events == ((2, b"event"),)
    await other.close()
    await store.close()


async def test_a_lock_that_is_kept_holds_up_one_write(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As by a server that hangs, or somebody's open transaction."""
    monkeypatch.setitem(SERVER_SETTINGS, "lock_timeout", "400ms")
    store = Store(postgres_url)
    await store.open()
    heads = await sessions(store)
    other = await asyncpg.connect(postgres_url)
    async with other.transaction():
        await other.fetch("SELECT key FROM sessions WHERE key = $1 FOR UPDATE", heads[BAD].key)
        outcomes = await at_once(
            *(store.append(append(head.key, 1, line=head.line)) for head in heads)
        )
    await other.close()
    await check(store, heads, outcomes)
    await store.close()


async def test_a_conflict_that_stays_is_that_of_one_write(postgres_url: str) -> None:
    store = Store(postgres_url)
    await store.open()
    heads = await sessions(store)
    await raising(postgres_url, f"NEW.key = {heads[BAD].key}", "40001")
    outcomes = await at_once(*(store.append(append(head.key, 1, line=head.line)) for head in heads))
    await execute(postgres_url, "DROP TRIGGER refuse ON events")
    await check(store, heads, outcomes)
    await store.close()


@pytest.mark.parametrize("state", ["22003", "23514", "54000", "P0001", "XX001"])
async def test_what_postgresql_refuses_fails_alone(postgres_url: str, state: str) -> None:
    store = Store(postgres_url)
    await store.open()
    heads = await sessions(store)
    await raising(postgres_url, f"NEW.key = {heads[BAD].key}", state)
    outcomes = await at_once(*(store.append(append(head.key, 1, line=head.line)) for head in heads))
    assert await tries(postgres_url) == 7  # the whole, and halves down to one
    await execute(postgres_url, "DROP TRIGGER refuse ON events")
    await check(store, heads, outcomes)
    await store.close()


ROW = MemoryRow(1, "hash", b"fold", b"payload")
SURROGATE = (ArchivedRow(replace(ROW, hash="\ud800"), ()),)
REFUSED: dict[str, Callable[[Append], Append]] = {
    "null": unsendable,
    "too large a number": lambda good: replace(good, interaction_count=2**70),
    "a lone surrogate": lambda good: replace(good, archived=SURROGATE),
}


@pytest.mark.parametrize("wrong", REFUSED.values(), ids=REFUSED)
async def test_a_value_that_cannot_be_kept_fails_alone(
    store: Store, filled: list[Head], wrong: Callable[[Append], Append]
) -> None:
    appends = [append(head.key, 1, line=head.line) for head in filled]
    appends[BAD] = wrong(appends[BAD])
    await check(store, filled, await at_once(*map(store.append, appends)))


async def test_a_change_that_breaks_fails_alone(store: Store, filled: list[Head]) -> None:
    def parts(number: int) -> tuple[Broken, ...]:
        return (Broken(filled[number].key),) if number == BAD else ()

    await check(
        store,
        filled,
        await at_once(
            *(
                store.append(append(each.key, 1, line=each.line), *parts(n))
                for n, each in enumerate(filled)
            )
        ),
    )


async def test_writes_keep_their_order(store: Store, filled: list[Head]) -> None:
    """Those that follow the one that fails come too late, those that follow another do not."""
    bad, good = filled[0], filled[1]
    good_line = line_after(good.line, (b"event",))
    bad_line = line_after(bad.line, (b"event",))
    outcomes = await at_once(
        store.append(append(good.key, 1, line=good.line)),
        store.append(unsendable(append(bad.key, 1, line=bad.line))),
        store.append(append(bad.key, 2, line=bad_line)),
        store.append(append(good.key, 2, line=good_line)),
        store.create("o", "new", 1.0, b"mine"),
        store.create("o", "new", 2.0, b"theirs"),
    )
    assert isinstance(outcomes[1], Unavailable)
    assert [outcome is True for outcome in outcomes] == [True, False, False, True, False, False]
    assert outcomes[2] is False
    assert isinstance(outcomes[4], Head)
    assert outcomes[5] is None
    assert (await store.tail(outcomes[4].key, 0)).events == ((1, b"mine"),)
    assert [seq for seq, _ in (await store.tail(good.key, 0)).events] == [1, 2, 3]


async def test_the_audit_log_has_what_took_effect(store: Store, filled: list[Head]) -> None:
    async def audited(number: int) -> bool:
        with write_context(WriteContext(replace(RECEIPT, id=f"s{number}"))):
            return await store.append(appended(filled, number))

    await store.record(RECEIPT.audit_entry(None))
    await check(store, filled, await at_once(*map(audited, range(SIZE))))
    report = await AuditLog(store).verify(())
    assert report.intact
    rows = (await store.entries(AuditFilter(action=RECEIPT.action), limit=1000, before=None))[::-1]
    names = ["s", *(f"s{number}" for number in range(SIZE) if number != BAD)]
    assert [row.entry.resource for row in rows] == [f"session/{name}" for name in names]
    assert {row.chain for row in rows} == {1}  # what is rolled back ends no chain


async def test_answers_are_kept_with_their_effects(store: Store, filled: list[Head]) -> None:
    async def ended(number: int) -> object:
        unit = UnitOfWork(replace(RECEIPT, id=f"s{number}"))
        with write_context(unit):
            await store.append(appended(filled, number))
        return await store.commit(unit, answer(number)) == ()

    def answer(number: int) -> AnswerRow:
        return repeat(b"scope %d" % number)

    await check(store, filled, await at_once(*map(ended, range(SIZE))))
    for number in range(SIZE):
        kept = await store.stored_answer(answer(number).scope, 0.0)
        assert (kept is None) == (number == BAD)


@pytest.mark.parametrize(
    ("state", "at_commit"),
    [("40003", False), ("57014", False), ("53100", False), ("40001", True), ("23514", True)],
)
async def test_what_may_have_been_committed_is_not_committed_again(
    postgres_url: str, state: str, at_commit: bool
) -> None:
    """Nor what fails for all alike."""
    store = Store(postgres_url)
    await store.open()
    heads = await sessions(store)
    await raising(postgres_url, "true", state, at_commit=at_commit)
    outcomes = await at_once(*(store.append(append(head.key, 1, line=head.line)) for head in heads))
    assert {type(outcome) for outcome in outcomes} == {Unavailable}
    assert await tries(postgres_url) == 1
    await store.close()


async def test_a_read_that_conflicts_is_made_again(postgres_url: str) -> None:
    store = Store(postgres_url)
    await store.open()
    await execute(postgres_url, "CREATE SEQUENCE tries")
    await execute(
        postgres_url,
        "CREATE FUNCTION look() RETURNS int LANGUAGE plpgsql AS $$ BEGIN"
        " IF nextval('tries') = 1 THEN RAISE SQLSTATE '40001'; END IF; RETURN 7; END $$",
    )

    def look(connection: Connection) -> int:
        return int(connection.scalar(text("SELECT look()")) or 0)

    assert await store.query(look) == 7
    await store.close()


async def test_nothing_is_begun_for_longer_than_callers_wait() -> None:
    now, begun = 0.0, list[int]()

    async def commit(numbers: Sequence[int], *, hurried: bool) -> Sequence[int]:
        nonlocal now
        now += PATIENCE_S / 3
        begun.append(len(numbers))
        if 7 in numbers:
            raise ValueError(7)
        return numbers

    splitting = Splitting[int, int](commit, lambda: False, clock=lambda: now)
    outcomes = await splitting.commit(range(8))
    assert begun == [8, 4, 4]
    assert outcomes[:4] == [0, 1, 2, 3]
    assert {type(outcome) for outcome in outcomes[4:]} == {Unavailable}
