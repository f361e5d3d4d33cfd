"""Units: writes that are put off, and what becomes of them."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from semvec.errors import Unavailable
from semvec.store import (
    AnswerRow,
    Append,
    AuditInfo,
    Conflicted,
    CreatedHeads,
    Store,
    UnitOfWork,
    current_unit_of_work,
    write_context,
)
from tests.store.counting import rows
from tests.store.lines import append as appended
from tests.store.lines import in_line
from tests.store.test_journal import append, session
from tests.store.test_together import Count, Word

SHARED, OTHERS = {"session", "cluster", "region"}, {"observer", "user", "network"}
RECEIPT = AuditInfo(5.5, "ada", "run", "session", None, 200, "r1", "192.0.2.7")


def repeat(scope: bytes = b"scope", at: float = 100.0, **more: object) -> AnswerRow:
    kept = AnswerRow(scope, "ada", "s", b"digest", at, at - 50.0, 200, b"{}")
    return replace(kept, **more)  # type: ignore[arg-type]


async def test_nothing_is_written_before_the_end(store: Store) -> None:
    head = await session(store)
    before = await rows(store)
    unit = UnitOfWork(RECEIPT)
    with write_context(unit):
        for part in in_line(head, append(head.key, 1, b"two"), append(head.key, 2, b"three")):
            assert await store.append(part)
    assert current_unit_of_work() is None
    assert await rows(store) == before
    assert await store.commit(unit, repeat()) == ()
    assert (await store.tail(head.key, 0)).events == ((1, b"created"), (2, b"two"), (3, b"three"))
    after = await rows(store)
    assert after["repeats"] == 1
    assert after["audit_log"] == 2


async def test_a_session_that_a_unit_makes_goes_on_at_once(store: Store) -> None:
    unit = UnitOfWork(RECEIPT)
    with write_context(unit):
        first = await store.create("ada", "one", 1.0, b"created one")
        second = await store.create("ada", "two", 1.0, b"created two")
        assert first is not None
        assert second is not None
        assert (first.key, second.key) == (-1, -2)
        later = append(second.key, 1, b"two goes on"), append(second.key, 2, b"and on")
        for part in in_line(second, *later):
            assert await store.append(part)
        assert await store.append(*in_line(first, append(first.key, 1, b"one goes on")))
    made = await store.commit(unit, repeat())
    assert isinstance(made, tuple)
    assert [head.session_id for head in made] == ["one", "two"]
    one, two = made
    assert (await store.tail(one.key, 1)).events == ((2, b"one goes on"),)
    assert (await store.tail(two.key, 1)).events == ((2, b"two goes on"), (3, b"and on"))
    assert unit.session_id == "one"
    head = await store.head("ada", "two")
    assert head is not None
    assert (head.seq, head.interaction_count) == (3, 3)


async def test_a_part_that_comes_too_late_takes_all_with_it(store: Store) -> None:
    head = await session(store)
    unit = UnitOfWork(RECEIPT)
    with write_context(unit):
        assert await store.create("ada", "new", 1.0, b"created") is not None
        assert await appended(store, append(head.key, 1, b"late"))
    assert await appended(store, append(head.key, 1, b"first"))
    before = await rows(store)
    refused = await store.commit(unit, repeat())
    assert isinstance(refused, Conflicted)
    assert isinstance(refused.part, Append)
    assert await rows(store) == before
    assert await store.stored_answer(b"scope", 0.0) is None


async def test_what_was_refused_is_refused_at_once_the_next_time(store: Store) -> None:
    await session(store, owner="ada")
    first = UnitOfWork(RECEIPT)
    with write_context(first):
        assert await store.create("ada", "s", 1.0, b"created") is not None
    refused = await store.commit(first, repeat())
    assert isinstance(refused, Conflicted)
    second = UnitOfWork(RECEIPT, refused.part)
    with write_context(second):
        assert await store.create("ada", "other", 2.0, b"created") is not None
        assert await store.create("ada", "s", 2.0, b"created") is None
        assert await store.create("ada", "s", 2.0, b"created") is not None


async def test_a_change_is_refused_alike() -> None:
    unit = UnitOfWork(RECEIPT, Count(1, old=7))
    store = Store("sqlite:///never-opened.db")
    with write_context(unit):
        assert await store.try_transact(Count(1, old=8), Word("x"))
        assert not await store.try_transact(Count(1, old=7))
        assert await store.try_transact(Count(1, old=7))


async def test_ends_are_told_in_order(store: Store) -> None:
    told: list[tuple[str, CreatedHeads | None]] = []
    unit = UnitOfWork(RECEIPT)
    for name in ("one", "two"):

        async def tell(made: CreatedHeads | None, name: str = name) -> None:
            told.append((name, made))

        unit.on_end(tell)
    await unit.end(None)
    await unit.end(())
    assert told == [("one", None), ("two", None)]


async def test_an_end_that_fails_keeps_no_other_from_its_own(store: Store) -> None:
    told: list[str] = []
    unit = UnitOfWork(RECEIPT)

    def ends(name: str, error: BaseException | None = None) -> Callable[[object], Awaitable[None]]:
        async def end(_: object) -> None:
            told.append(name)
            if error is not None:
                raise error

        return end

    unit.after_end(ends("told", Unavailable("not now")))
    unit.on_end(ends("cancelled", asyncio.CancelledError()))
    unit.on_end(ends("let go of"))
    unit.after_end(ends("told too"))
    with pytest.raises(asyncio.CancelledError):
        await unit.end(())
    assert told == ["cancelled", "let go of", "told", "told too"]


def test_an_answer_is_about_a_session_or_what_has_one_of_its_id() -> None:
    about = {
        kind: UnitOfWork(replace(RECEIPT, kind=kind, id="x")).session_id for kind in SHARED | OTHERS
    }
    assert about == dict.fromkeys(SHARED, "x") | dict.fromkeys(OTHERS)


async def test_a_key_is_taken_once_until_it_has_expired(store: Store) -> None:
    async def end(answer: AnswerRow) -> object:
        return await store.commit(UnitOfWork(RECEIPT), answer)

    assert await end(repeat()) == ()
    assert await end(repeat(at=120.0)) == Conflicted(repeat(at=120.0))
    assert await end(repeat(b"other", 120.0)) == ()
    kept = await store.stored_answer(b"scope", 100.0)
    assert kept is not None
    assert (kept.digest, kept.status, kept.body) == (b"digest", 200, b"{}")
    assert await store.stored_answer(b"scope", 100.5) is None
    assert await end(repeat(at=151.0, body=b"new")) == ()
    kept = await store.stored_answer(b"scope", 150.0)
    assert kept is not None
    assert kept.body == b"new"


@pytest.mark.parametrize("bound", [0, 3, 600, 2000])
async def test_old_answers_go_in_small_transactions(store: Store, bound: int) -> None:
    number = 1100
    async with store.engine.begin() as connection:
        for at in range(number):
            await connection.run_sync(repeat(b"%d" % at, float(at), expired=-1.0).insert)
        await connection.run_sync(repeat(b"bob's", 0.0, subject="bob").insert)
    await store.trim_answers("ada", bound)
    assert (await rows(store))["repeats"] == 1 + min(bound, number)
    await store.expire_answers(1050.0)
    assert (await rows(store))["repeats"] == min(bound, 50)
