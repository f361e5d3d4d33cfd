"""Requests with a key, against the whole service: one effect, one answer."""

import asyncio
from collections.abc import Awaitable, Callable
from contextvars import Context
from dataclasses import replace
from functools import partial
from hashlib import sha256
from typing import Any

import msgspec
import pytest

from semvec.cache.cached_session import SNAPSHOT_EVERY
from semvec.errors import Conflict, Invalid, NotFound, StillRunning, Unavailable
from semvec.intake import NewSession
from semvec.service import IdempotentRequest, Service, StoredResponse
from semvec.session.events import IsolationLevel
from semvec.store import AuditInfo
from tests.services import (
    DIMENSION,
    OWNER,
    HeldClock,
    create,
    embedding,
    inject,
    isolate,
    put,
    recall,
    rows,
    run,
    running,
    store,
)
from tests.store.faults import Fault, Faults

DAY_S = 24 * 3600
NEW = NewSession(dimension=DIMENSION)
RECEIPT = AuditInfo(1.0, OWNER, "run", "session", "s", 200, "r1", "192.0.2.7")


def asked(
    act: Callable[[], Awaitable[Any]], key: str = "key", body: str = "", about: str | None = "s"
) -> IdempotentRequest:
    """A request as the web layer makes it of a call of the service."""

    async def answer() -> StoredResponse:
        return StoredResponse(200, msgspec.json.encode(await act()))

    async def digest() -> bytes:
        return sha256(body.encode()).digest()

    receipt = replace(RECEIPT, id=about)
    return IdempotentRequest(receipt, sha256(key.encode()).digest(), digest, answer)


async def turns(service: Service, session_id: str = "s") -> int:
    return (await service.sessions.metrics(OWNER, session_id)).interaction_count


async def test_the_same_request_has_one_effect_and_one_answer(database_url: str) -> None:
    async with running(database_url) as service:
        await create(service)
        request = asked(lambda: run(service, "Where is Oslo?", "In Norway."))
        first = await service.repeats.answer(request)
        await store(service, "Something else.")
        again = await service.repeats.answer(request)
        assert not first.replayed
        assert again == replace(first, replayed=True)
        assert await turns(service) == 2
        assert len(await rows(service, "repeats")) == 1
    async with running(database_url) as service:
        assert await service.repeats.answer(asked(lambda: run(service, "x"))) == again


async def test_another_body_is_refused(database_url: str) -> None:
    async with running(database_url) as service:
        await create(service)
        await service.repeats.answer(asked(lambda: store(service, "one")))
        with pytest.raises(Invalid):
            await service.repeats.answer(asked(lambda: store(service, "two"), body="two"))
        assert await turns(service) == 1


async def test_while_the_first_one_runs_others_hear_so(sqlite_url: str) -> None:
    async with running(sqlite_url) as service:
        await create(service)
        begun, gate = asyncio.Event(), asyncio.Event()

        async def slow() -> Any:
            begun.set()
            await gate.wait()
            return await store(service, "one")

        first = asyncio.create_task(service.repeats.answer(asked(slow)))
        await begun.wait()
        with pytest.raises(StillRunning):
            await service.repeats.answer(asked(slow))
        gate.set()
        assert not (await first).replayed
        assert (await service.repeats.answer(asked(slow))).replayed


async def test_an_error_is_not_kept(sqlite_url: str) -> None:
    async with running(sqlite_url) as service:
        request = asked(lambda: store(service, "one"))
        with pytest.raises(NotFound):
            await service.repeats.answer(request)
        await create(service)
        assert not (await service.repeats.answer(request)).replayed
        assert await turns(service) == 1


async def test_an_error_after_a_change_takes_it_back(sqlite_url: str) -> None:
    async with running(sqlite_url) as service:
        await create(service)

        async def halfway() -> Any:
            await store(service, "one")
            raise Conflict("no further")

        for _ in range(2):
            with pytest.raises(Conflict):
                await service.repeats.answer(asked(halfway))
        assert await turns(service) == 0
        assert await recall(service, "one") == []


async def test_after_a_day_a_key_is_new(database_url: str) -> None:
    clock = HeldClock()
    async with running(database_url, clock) as service:
        await create(service)
        request = asked(lambda: store(service, "one"))
        await service.repeats.answer(request)
        clock.now += DAY_S - 1
        assert (await service.repeats.answer(request)).replayed
        clock.now += 2
        assert not (await service.repeats.answer(request)).replayed
        assert (await service.repeats.answer(request)).replayed
        clock.now += DAY_S + 1
        await service.repeats.sweep()
        assert await rows(service, "repeats") == []


async def test_a_subject_keeps_no_more_than_its_newest_answers(database_url: str) -> None:
    clock = HeldClock()
    async with running(database_url, clock, repeats_per_subject=3) as service:
        await create(service)

        def request(number: int) -> IdempotentRequest:
            return asked(lambda: put(service, f"k{number}"), f"key {number}")

        for number in range(7):
            clock.now += 1
            await service.repeats.answer(request(number))
        await service.repeats.sweep()
        assert len(await rows(service, "repeats")) == 3
        replayed = [(await service.repeats.answer(request(n))).replayed for n in (6, 5, 4, 3)]
        assert replayed == [True, True, True, False]


async def test_nobody_sees_what_is_not_committed(sqlite_url: str) -> None:
    async with running(sqlite_url) as service:
        await create(service)
        await store(service, "before")
        changed, gate = asyncio.Event(), asyncio.Event()

        async def slow() -> Any:
            answer = await store(service, "ahead")
            assert await turns(service) == 2
            changed.set()
            await gate.wait()
            return answer

        first = asyncio.create_task(service.repeats.answer(asked(slow)))
        await changed.wait()
        looks: list[asyncio.Task[Any]] = [
            asyncio.create_task(look)
            for look in (
                recall(service, "ahead"),
                turns(service),
                run(service, "ahead", learn=False),
                store(service, "after"),
            )
        ]
        await asyncio.sleep(0.05)
        assert not any(look.done() for look in looks)
        gate.set()
        await first
        found, seen, _, _ = await asyncio.gather(*looks)
        assert "ahead" in [item.text for item in found]
        assert seen == 2


@pytest.mark.parametrize("fault", [Fault.IO_ERROR, Fault.DISK_FULL])
async def test_what_is_not_committed_is_gone(database_url: str, fault: Fault) -> None:
    """Whoever was waiting sees the session as it was."""
    async with running(database_url) as service:
        await create(service)
        await store(service, "before")
        faults = Faults(service.database.engine)
        looks: list[asyncio.Task[int]] = []

        async def doomed() -> Any:
            answer = await store(service, "ahead")
            looks.append(asyncio.create_task(turns(service), context=Context()))
            await asyncio.sleep(0)
            faults.arm(3, fault)
            return answer

        with pytest.raises(Unavailable):
            await service.repeats.answer(asked(doomed))
        faults.arm(0, fault)
        assert await looks[0] == await turns(service) == 1
        again = await service.repeats.answer(asked(lambda: store(service, "ahead")))
        assert not again.replayed
        assert await turns(service) == 2


async def test_a_session_and_its_first_turn_are_one_effect(database_url: str) -> None:
    async with running(database_url) as service:
        await create(service)

        async def speak() -> Any:
            return await service.conversation.store(
                OWNER,
                session_id=(await service.sessions.create(OWNER, "new", NEW)).session_id,
                response="hello",
                response_embedding=embedding("hello"),
            )

        await service.repeats.answer(asked(speak, about=None))
        assert await turns(service, "new") == 1
        found = [item.text for item in await recall(service, "hello", "new")]
        assert found == ["hello"]
        await store(service, "more", "new")
        made = (await rows(service, "repeats"))[0]
        assert made.about == "new"
    async with running(database_url) as service:
        assert await turns(service, "new") == 2
        (page,) = [
            item
            for item in (await service.sessions.page(OWNER, limit=9, cursor=None)).items
            if item.session_id == "new"
        ]
        assert page.interaction_count == page.total_memories == 2


async def test_a_release_of_many_is_one_effect(database_url: str) -> None:
    async with running(database_url) as service:
        await create(service)
        await isolate(service, IsolationLevel.QUARANTINE, ("secret",))
        for number in range(70):
            await service.conversation.store(
                OWNER,
                session_id="s",
                response=f"held {number}",
                response_embedding=embedding("secret"),
            )
        await isolate(service, IsolationLevel.OPEN)
        request = asked(lambda: service.control.release(OWNER, "s"), about="s")
        first = await service.repeats.answer(request)
        assert msgspec.json.decode(first.body)["released_count"] == 70
        assert (await service.repeats.answer(request)).body == first.body
        verified = await service.verification.verify(OWNER, "s", [])
        assert verified.consistent, verified


async def test_an_import_is_one_effect(database_url: str, full_export: bytes) -> None:
    async with running(database_url) as service:
        await create(service)

        async def receive(file: Any) -> None:
            await asyncio.to_thread(file.write, full_export)

        request = replace(
            asked(lambda: service.transfers.load(OWNER, "s", receive)), single_attempt=True
        )
        await store(service, "before")
        assert not (await service.repeats.answer(request)).replayed
        count = await turns(service)
        assert count > 1
        await store(service, "after")
        assert (await service.repeats.answer(request)).replayed
        assert await turns(service) == count + 1
        assert await rows(service, "imports") == []


async def test_an_import_that_comes_to_nothing_leaves_nothing(
    database_url: str, full_export: bytes
) -> None:
    async with running(database_url) as service:
        await create(service)
        await store(service, "before")

        async def halfway() -> Any:
            async def receive(file: Any) -> None:
                await asyncio.to_thread(file.write, full_export)

            await service.transfers.load(OWNER, "s", receive)
            raise Conflict("no further")

        with pytest.raises(Conflict):
            await service.repeats.answer(asked(halfway))
        assert await turns(service) == 1
        assert await rows(service, "imports") == []


async def test_an_answer_goes_with_its_session(database_url: str) -> None:
    async with running(database_url) as service:
        await create(service)
        await create(service, "other")
        request = asked(lambda: store(service, "secret words"))
        other = asked(lambda: store(service, "one", "other"), "other", about="other")
        await service.repeats.answer(request)
        await service.repeats.answer(other)
        await service.sessions.delete(OWNER, "s")
        assert [row.body for row in await rows(service, "repeats") if row.about == "s"] == [None]
        await create(service)
        with pytest.raises(NotFound, match="went with its session"):
            await service.repeats.answer(request)
        assert await turns(service) == 0
        assert (await service.repeats.answer(other)).replayed


async def test_two_servers_race_on_one_key(postgres_url: str) -> None:
    """Both carry it out, one is told that the other was first, and both give one answer."""
    async with running(postgres_url) as one, running(postgres_url) as other:
        await create(one)
        for number in range(10):
            meeting = asyncio.Barrier(2)

            async def act(
                service: Service, words: str, met: list[bool], meeting: asyncio.Barrier = meeting
            ) -> Any:
                answer = await store(service, words)
                if not met:
                    met.append(True)
                    await meeting.wait()
                return answer

            requests = [
                (each, asked(partial(act, each, f"{name} {number}", []), f"key {number}"))
                for each, name in ((one, "one"), (other, "other"))
            ]
            first, second = await asyncio.gather(
                *(each.repeats.answer(request) for each, request in requests)
            )
            assert first.body == second.body
            assert {first.replayed, second.replayed} == {True, False}
            assert await turns(one) == await turns(other) == number + 1


async def test_another_servers_change_makes_it_decide_again(postgres_url: str) -> None:
    async with running(postgres_url) as one, running(postgres_url) as other:
        await create(one)
        await store(one, "first")
        tries = 0

        async def act() -> Any:
            nonlocal tries
            tries += 1
            answer = await store(one, "mine")
            if tries == 1:
                await asyncio.create_task(store(other, "theirs"), context=Context())
            return answer

        await one.repeats.answer(asked(act))
        assert tries == 2
        assert await turns(one) == await turns(other) == 3


async def test_what_is_refused_once_is_refused_in_the_answer(postgres_url: str) -> None:
    """An id that another server takes meanwhile."""
    async with running(postgres_url) as one, running(postgres_url) as other:
        tries = 0

        async def act() -> Any:
            nonlocal tries
            tries += 1
            answer = await one.sessions.create(OWNER, "s", NEW)
            if tries == 1:
                await asyncio.create_task(create(other), context=Context())
            return answer

        answer = await one.repeats.answer(asked(act))
        assert msgspec.json.decode(answer.body) == {"session_id": "s", "created": False}


async def test_what_works_for_no_request_leaves_no_row(sqlite_url: str) -> None:
    clock = HeldClock()
    async with running(sqlite_url, clock) as service:
        await create(service, long_term_memories=8)
        for number in range(3 * SNAPSHOT_EVERY):
            said = partial(store, service, f"say {number}")
            await service.repeats.answer(asked(said, f"{number}"))
        await recall(service, "say 7")
        clock.now += 10_000
        service.sweep()
        async with asyncio.timeout(10):
            while service.resident:  # noqa: ASYNC110
                await asyncio.sleep(0.001)
        log = await rows(service, "audit_log")
        assert len(await rows(service, "snapshots")) == 1
        assert len([row for row in log if row.action == "run"]) == 3 * SNAPSHOT_EVERY
        assert (await service.audit.verify()).intact
        assert await turns(service) == 3 * SNAPSHOT_EVERY


async def test_a_memory_from_outside_is_one_effect(sqlite_url: str) -> None:
    async with running(sqlite_url) as service:
        await create(service)
        request = asked(lambda: inject(service, "from outside"))
        first = await service.repeats.answer(request)
        assert (await service.repeats.answer(request)).body == first.body
        assert [item.text for item in await recall(service, "from outside")] == ["from outside"]
