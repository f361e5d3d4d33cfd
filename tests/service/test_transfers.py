"""Whole sessions on real databases: out, in, and what happens meanwhile."""

import asyncio
import json
import tempfile
from collections.abc import Awaitable, Callable
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any, BinaryIO

import pytest
from sqlalchemy import func, select

from semvec.errors import Conflict, Malformed, NotFound, Unavailable
from semvec.service import Service
from semvec.service.files import MAX_FILES_PER_OWNER
from semvec.service.transfers import STALE_IMPORT_S
from semvec.session.text_normalise import content_hash
from semvec.store import MemoryRow, StagedRows
from semvec.store.tables import imports, memories
from tests.documents import sealed
from tests.services import (
    DIMENSION,
    OWNER,
    HeldClock,
    create,
    embedding,
    recall,
    run,
    running,
    store,
)
from tests.store.faults import Fault, Faults

FULL = 100
"""Memories with which a session with room for one in long term has an archive."""


async def export(service: Service, session_id: str = "s", owner: str = OWNER) -> bytes:
    file = await service.transfers.export(owner, session_id)
    with file:
        return await asyncio.to_thread(file.read)


def state_dict(document: bytes) -> bytes:
    """The bytes of that member, which comes last."""
    return document[document.index(b'"state_dict":') : -1]


def sending(document: bytes) -> Callable[[BinaryIO], Awaitable[None]]:
    async def receive(file: BinaryIO) -> None:
        await asyncio.to_thread(file.write, document)

    return receive


async def load(
    service: Service, document: bytes, session_id: str = "s", owner: str = OWNER
) -> None:
    answer = await service.transfers.load(owner, session_id, sending(document))
    assert (answer.session_id, answer.imported) == (session_id, True)


async def filled(service: Service, session_id: str = "s", words: str = "remark") -> bytes:
    """An export of a new session with an archive, controls, literals and a pending question."""
    await create(service, session_id, long_term_memories=1)
    for number in range(FULL):
        await store(service, f"{words} {number}", session_id)
    await service.control.set_anchor(OWNER, session_id, embedding("anchor"))
    await service.literals.put(
        OWNER, session_id, key="a/b", kind="path", value=words, context="", importance=0.5
    )
    await run(service, f"what of the {words}?", session_id=session_id)
    return await export(service, session_id)


async def verified(service: Service, session_id: str = "s") -> bool:
    probes = [embedding(f"remark {number}") for number in range(5)]
    return (await service.verification.verify(OWNER, session_id, probes)).consistent


async def evicted(service: Service) -> None:
    service.sweep()
    async with asyncio.timeout(10):
        while service.resident:  # noqa: ASYNC110
            await asyncio.sleep(0.001)


async def test_promise_4_export_import_export_is_identical(database_url: str) -> None:
    clock = HeldClock()
    async with running(database_url, clock, session_idle_ttl_s=1) as service:
        document = await filled(service)
        await create(service, "copy")
        await store(service, "what was there before", "copy")
        clock.now += 1000
        await load(service, document, "copy")
        assert state_dict(await export(service, "copy")) == state_dict(document)
        await evicted(service)
        assert state_dict(await export(service, "copy")) == state_dict(document)
        await load(service, document, "s")
        assert state_dict(await export(service)) == state_dict(document)
        assert await verified(service, "copy")
        assert await verified(service)


async def test_an_import_replaces_all_that_was_there(database_url: str) -> None:
    async with running(database_url) as service:
        document = await filled(service)
        await filled(service, "other", "notice")
        await load(service, document, "other")
        one, other = [await service.sessions.metrics(OWNER, name) for name in ("s", "other")]
        assert other.norm_history == one.norm_history
        assert other.total_memories == one.total_memories == FULL
        assert (await recall(service, "remark 7", "other"))[0].text == "remark 7"
        assert await recall(service, "remark 7", "other") == await recall(service, "remark 7")
        for words, found in (("remark 3", True), ("notice 3", False), ("notice 99", False)):
            lookup = service.recall.memory(OWNER, "other", content_hash(words))
            if found:
                assert (await lookup).text == words
            else:
                with pytest.raises(NotFound):
                    await lookup
        entities = await service.literals.find(OWNER, "other", q="", max_results=9)
        assert [each.value for each in entities.body.entities] == ["remark"]
        assert await verified(service, "other")


async def test_an_imported_session_goes_on_like_the_one_it_came_from(database_url: str) -> None:
    clock = HeldClock()
    async with running(database_url, clock, session_idle_ttl_s=1) as service:
        await filled(service)
        clock.now += 2
        await evicted(service)  # accesses that no event has told are not exported
        await create(service, "copy", long_term_memories=1)
        await load(service, await export(service), "copy")
        answers = []
        for name in ("s", "copy"):
            turns = [await run(service, f"and {n}?", f"so {n}", session_id=name) for n in range(30)]
            said = await store(service, "Remark 5!", name)
            answers.append(([(each.context, each.drift_score) for each in turns], said.memory_hash))
        assert answers[0] == answers[1]
        one, other = state_dict(await export(service)), state_dict(await export(service, "copy"))
        assert one == other
        assert await verified(service, "copy")


async def test_an_import_is_an_event_of_its_own(database_url: str) -> None:
    clock = HeldClock()
    async with running(database_url, clock) as service:
        document = await filled(service)
        before = await service.database.head(OWNER, "s")
        clock.now += 50
        await load(service, document)
        after = await service.database.head(OWNER, "s")
        assert before is not None
        assert after is not None
        assert (after.key, after.seq) == (before.key, before.seq + 1)
        assert (after.created_at, after.last_used_at) == (before.created_at, clock.now)
        assert after.total_memories == before.total_memories == FULL


async def test_what_was_exported_elsewhere_can_be_imported(
    sqlite_url: str, postgres_url: str
) -> None:
    async with running(sqlite_url) as there, running(postgres_url) as here:
        document = await filled(there)
        await create(here, "here")
        await load(here, document, "here")
        back = await export(here, "here")
        await create(there, "back")
        await load(there, back, "back")
        assert state_dict(back) == state_dict(await export(there, "back")) == state_dict(document)


async def test_an_empty_session_can_be_exported_and_imported(database_url: str) -> None:
    async with running(database_url) as service:
        await create(service)
        document = await export(service)
        await filled(service, "full")
        await load(service, document, "full")
        assert state_dict(await export(service, "full")) == state_dict(document)
        assert (await service.sessions.metrics(OWNER, "full")).total_memories == 0
        await store(service, "a first word", "full")
        assert await verified(service, "full")


async def test_promise_7_nobody_else_can_export_import_or_verify(database_url: str) -> None:
    async with running(database_url) as service:
        document = await filled(service)
        attempts: list[Awaitable[Any]] = [
            service.transfers.export("eve", "s"),
            service.transfers.load("eve", "s", sending(document)),
            service.verification.verify("eve", "s", []),
        ]
        for attempt in attempts:
            with pytest.raises(NotFound, match="session 's' not found"):
                await attempt
        assert await export(service) == document


async def test_an_unknown_session_is_told_before_anything_is_sent(database_url: str) -> None:
    async def receive(_: BinaryIO) -> None:
        raise AssertionError("nothing should be read")

    async with running(database_url) as service:
        with pytest.raises(NotFound):
            await service.transfers.load(OWNER, "nothing", receive)


@pytest.mark.parametrize("other", [{"dimension": DIMENSION + 1}])
async def test_another_dimension_is_a_conflict(database_url: str, other: dict[str, Any]) -> None:
    async with running(database_url) as service:
        document = await filled(service)
        await create(service, "other", **other)
        before = await export(service, "other")
        with pytest.raises(Conflict, match=r"vectors of 8 numbers.*this session 9"):
            await load(service, document, "other")
        assert await export(service, "other") == before


async def test_another_model_is_a_conflict(database_url: str) -> None:
    async with running(database_url) as service:
        document = json.loads(await filled(service))
        document["state_dict"]["core"]["profile"]["model"] = "another-model"
        with pytest.raises(Conflict, match="by another-model, this session 8 by its client"):
            await load(service, sealed(document))


async def test_promise_4_what_is_malformed_changes_nothing(database_url: str) -> None:
    async with running(database_url) as service:
        document = await filled(service)
        forged = json.loads(document)
        forged["state_dict"]["memories"][-1]["importance"] = 2
        for broken, reason in (
            (document[:-100], "cannot be read"),
            (document.replace(b"remark 7", b"remark 0"), "checksum does not match"),
            (sealed(forged), "out of range"),
            (b"", "cannot be read"),
        ):
            with pytest.raises(Malformed, match=reason):
                await load(service, broken)
            assert await export(service) == document
        assert await staged_rows(service) == (0, 0)


async def test_other_servers_take_the_import_over(postgres_url: str) -> None:
    async with (
        running(postgres_url, shared=True) as one,
        running(postgres_url, shared=True) as other,
    ):
        document = await filled(one)
        await create(one, "shared")
        for number in range(5):
            await store(other, f"notice {number}", "shared")
        assert (await recall(one, "notice 3", "shared"))[0].text == "notice 3"
        await load(one, document, "shared")
        assert (await recall(other, "remark 7", "shared"))[0].text == "remark 7"
        assert (await other.sessions.metrics(OWNER, "shared")).total_memories == FULL
        await store(other, "one more", "shared")
        await store(one, "and another", "shared")
        assert (await other.sessions.metrics(OWNER, "shared")).total_memories == FULL + 2
        assert await verified(one, "shared")
        assert await verified(other, "shared")


@pytest.mark.parametrize("shared", [False, True])
async def test_changes_meanwhile_come_before_or_after_an_import(
    database_url: str, shared: bool
) -> None:
    async with running(database_url, shared=shared) as service:
        document = await filled(service)
        await create(service, "busy")

        async def speak(name: str) -> None:
            for number in range(20):
                await store(service, f"{name} says {number}", "busy")

        speakers = [speak(f"s{number}") for number in range(4)]
        await asyncio.gather(*speakers, load(service, document, "busy"))
        opened = json.loads(await export(service, "busy"))["state_dict"]
        texts = [each["response"] for each in opened["memories"]]
        assert {f"remark {number}" for number in range(FULL)} <= {*texts}
        said = [text for text in texts if text and " says " in text]
        for number in range(4):
            own = [text for text in said if text.startswith(f"s{number} ")]
            assert own == [f"s{number} says {n}" for n in range(20)][20 - len(own) :]
        assert await verified(service, "busy")


async def test_a_session_deleted_meanwhile_stays_deleted(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(database_url) as service:
        document = await filled(service)
        await create(service, "doomed")
        begin = service.database.begin_import

        async def begin_late(at: float) -> int:
            await service.sessions.delete(OWNER, "doomed")
            return await begin(at)

        monkeypatch.setattr(service.database, "begin_import", begin_late)
        with pytest.raises(NotFound):
            await load(service, document, "doomed")
        assert await staged_rows(service) == (0, 0)
        with pytest.raises(NotFound):
            await export(service, "doomed")


async def test_an_import_given_up_by_its_server_is_swept(database_url: str) -> None:
    clock = HeldClock()
    async with running(database_url, clock) as service:
        document = await filled(service)
        content = await service.database.begin_import(clock.now)
        rows = StagedRows(hot=(MemoryRow(1, "hash", b"fold", b"payload"),))
        assert await service.database.stage(content, clock.now, rows)
        clock.now += STALE_IMPORT_S
        await service.transfers.sweep()
        assert await staged_rows(service) == (1, 1)
        clock.now += 1
        await service.transfers.sweep()
        assert await staged_rows(service) == (0, 0)
        assert await export(service) == document


@pytest.mark.timeout(300)
@pytest.mark.parametrize("fault", Fault)
async def test_promise_2_a_fault_at_every_storage_call_of_an_import(
    database_url: str, fault: Fault
) -> None:
    async with running(database_url) as service:
        one, other = await filled(service), await filled(service, "other", "notice")
        held, wanted = one, other
        faults = Faults(service.database.engine)
        for at in count(1):
            faults.arm(at, fault)
            acknowledged = False
            with suppress(Unavailable):
                await load(service, wanted)
                acknowledged = True
            fired = faults.fired
            faults.arm(0, fault)
            found = state_dict(await export(service))
            assert found in (state_dict(held), state_dict(wanted))
            assert not acknowledged or found == state_dict(wanted)
            assert await verified(service)
            if found == state_dict(wanted):
                held, wanted = wanted, held
            if not fired:
                break
        assert at > 15


async def test_an_export_that_fails_leaves_nothing_open(database_url: str) -> None:
    async with running(database_url) as service:
        document = await filled(service)
        faults = Faults(service.database.engine)
        for at in count(1):
            faults.arm(at, Fault.IO_ERROR)
            with suppress(Unavailable):
                assert await export(service) == document
            if not faults.fired:
                break
        assert at > 4


async def staged_rows(service: Service) -> tuple[int, int]:
    """Imports under way, and memories that they have staged and no session has."""
    async with service.database.engine.connect() as connection:
        under_way = await connection.scalar(select(func.count()).select_from(imports))
        ids = await connection.scalars(select(-imports.c.id))
        rows = await connection.scalar(
            select(func.count()).select_from(memories).where(memories.c.key.in_(ids.all()))
        )
    return under_way or 0, rows or 0


async def test_a_disk_without_room_is_told_as_such(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    async def fills_the_disk(_: BinaryIO) -> None:
        def write() -> None:
            with open("/dev/full", "wb", buffering=0) as full:
                full.write(b"x")

        await asyncio.to_thread(write)

    async with running(sqlite_url) as service:
        await create(service)
        with pytest.raises(Unavailable, match="no room for a temporary file"):
            await service.transfers.load(OWNER, "s", fills_the_disk)
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))
        with pytest.raises(Unavailable, match="no room for a temporary file"):
            await service.transfers.export(OWNER, "s")


async def test_an_import_that_is_cancelled_changes_nothing_or_all(database_url: str) -> None:
    async with running(database_url) as service:
        one, other = await filled(service), await filled(service, "other", "notice")
        found = set()
        for pause in (0.0, 0.005, 0.02, 0.04, 0.08, 0.15, 0.3, None):
            await load(service, one)
            loading = asyncio.create_task(load(service, other))
            await asyncio.wait([loading], timeout=pause)
            loading.cancel()
            await asyncio.wait([loading])
            found.add(state_dict(await export(service)))
            assert await verified(service)
            assert await staged_rows(service) == (0, 0)
        assert found == {state_dict(one), state_dict(other)}


async def test_many_transfers_at_once_all_come_through(database_url: str) -> None:
    async with running(database_url) as service:
        document = await filled(service)
        for number in range(MAX_FILES_PER_OWNER):
            await create(service, f"s{number}")

        async def there_and_back(session_id: str) -> bool:
            await load(service, document, session_id)
            same = state_dict(await export(service, session_id)) == state_dict(document)
            return same and await verified(service, session_id)

        assert all(
            await asyncio.gather(*(there_and_back(f"s{n}") for n in range(MAX_FILES_PER_OWNER)))
        )
