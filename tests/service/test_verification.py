"""Verify: true for what is whole, false with a reason for what was tampered with."""

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from sqlalchemy import Row, select, update

from semvec import answers
from semvec.errors import Invalid, Unavailable
from semvec.service import Service
from semvec.store.tables import events, memories, pieces, sessions, snapshots
from tests.service.test_transfers import FULL, evicted, load
from tests.services import DIMENSION, OWNER, HeldClock, create, embedding, run, running, store
from tests.store.faults import Fault, Faults

CHECKS = [
    *("profile", "state", "drift", "memories", "tiers", "controls", "limits"),
    *("copy", "recall", "journal", "archive"),
]
PROBES = [embedding(f"remark {number}") for number in range(8)]


async def verify(service: Service, session_id: str = "s") -> answers.Verified:
    return await service.verification.verify(OWNER, session_id, PROBES)


def failing(verified: answers.Verified) -> dict[str, str]:
    return {check.name: check.detail for check in verified.checks if not check.ok}


async def full(service: Service, document: bytes) -> None:
    """A session out of an export, with an event after that."""
    await create(service)
    await load(service, document)
    await store(service, "the last words")


async def test_a_session_is_consistent_and_every_check_is_told(
    database_url: str, full_export: bytes
) -> None:
    async with running(database_url) as service:
        await full(service, full_export)
        verified = await verify(service)
        assert failing(verified) == {}
        assert verified.consistent
        assert [check.name for check in verified.checks] == CHECKS
        details = {check.name: check.detail for check in verified.checks}
        assert details["recall"] == "8 probes"
        assert details["archive"] == f"{FULL - 80} memories"
        await create(service, "empty")
        assert (await verify(service, "empty")).consistent


async def test_a_session_stays_consistent_under_load(database_url: str, full_export: bytes) -> None:
    async with running(database_url, shared=True) as service:
        await full(service, full_export)

        async def speak(name: str) -> None:
            for number in range(20):
                await run(service, f"{name} asks {number}", f"{name} says {number}")

        speaking = asyncio.gather(*(speak(f"s{number}") for number in range(3)))
        while not speaking.done():
            assert failing(await verify(service)) == {}
        await speaking


async def test_a_session_out_of_storage_is_consistent(
    database_url: str, full_export: bytes
) -> None:
    clock = HeldClock()
    async with running(database_url, clock, session_idle_ttl_s=1) as service:
        await full(service, full_export)
        clock.now += 2
        await evicted(service)
        assert (await verify(service)).consistent
        await store(service, "and one more")
        assert (await verify(service)).consistent


@pytest.mark.parametrize("numbers", [[], [0.0] * DIMENSION, [1.0] * (DIMENSION - 1)])
async def test_promise_10_a_probe_has_to_be_a_vector(
    database_url: str, numbers: list[float]
) -> None:
    async with running(database_url) as service:
        await create(service)
        with pytest.raises(Invalid, match="test_embeddings"):
            await service.verification.verify(OWNER, "s", [embedding("fine"), numbers])


def repacked(payload: bytes, change: Callable[[Any], object]) -> bytes:
    record = msgspec.msgpack.decode(payload)
    change(record)
    return msgspec.msgpack.encode(record)


def other_codes(vector: bytes) -> bytes:
    return bytes([vector[0] ^ 1]) + vector[1:]


HOT = memories.c.archived_seq.is_(None)
TAMPERED: dict[str, tuple[Any, Any, Callable[[Row[Any]], dict[str, Any]], str]] = {
    "a hot memory's text": (
        memories,
        HOT,
        lambda row: {"payload": row.payload.replace(b"remark", b"REMARK")},
        "copy",
    ),
    "a hot memory's vector": (
        memories,
        HOT,
        lambda row: {
            "payload": repacked(row.payload, lambda m: m.update(vector=other_codes(m["vector"])))
        },
        "copy",
    ),
    "an archived memory's text": (
        memories,
        ~HOT,
        lambda row: {"payload": row.payload.replace(b"remark", b"REMARK")},
        "archive",
    ),
    "an archived memory's vector": (
        memories,
        ~HOT,
        lambda row: {"payload": repacked(row.payload, lambda m: m.update(vector=b"short"))},
        "archive",
    ),
    "an archived memory's bytes": (memories, ~HOT, lambda row: {"payload": b"\xc1"}, "archive"),
    "what an archived memory is filed under": (
        memories,
        ~HOT,
        lambda row: {"hash": "0" * 32},
        "archive",
    ),
    "an archived memory made hot": (
        memories,
        ~HOT,
        lambda row: {"archived_seq": None},
        "archive",
    ),
    "a piece": (
        pieces,
        pieces.c.id == 2,
        lambda row: {"payload": row.payload.replace(b"remark", b"REMARK")},
        "copy",
    ),
    "the snapshot's state": (
        snapshots,
        None,
        lambda row: {
            "payload": repacked(row.payload, lambda s: s["state"].update(interaction_count=7))
        },
        "journal",
    ),
    "the snapshot's bytes": (snapshots, None, lambda row: {"payload": b"\xc1"}, "storage"),
    "an event's words": (
        events,
        None,
        lambda row: {"payload": row.payload.replace(b"last", b"LAST")},
        "copy",
    ),
    "an event's bytes": (events, None, lambda row: {"payload": b"\xc1"}, "storage"),
    "an event's number": (events, None, lambda row: {"seq": row.seq + 1}, "storage"),
    "the head's counts": (
        sessions,
        None,
        lambda row: {"total_memories": row.total_memories + 1},
        "journal",
    ),
}


SOUND = {"a hot memory's vector", "a piece"}
"""What makes another session, as sound as the first; only a live copy tells the difference."""


@pytest.mark.parametrize(
    ("name", "hot"),
    [(name, hot) for name in TAMPERED for hot in (True, False) if hot or name not in SOUND],
)
async def test_a_row_that_was_tampered_with_is_found(
    database_url: str, full_export: bytes, name: str, hot: bool
) -> None:
    table, which, change, check = TAMPERED[name]
    async with running(database_url) as service:
        await full(service, full_export)
        assert (await verify(service)).consistent
        if not hot:
            for copy in list(service._hot.copies):  # as if another server had it
                service._hot.copies.evict(copy)
        await tamper(service, table, which, change)
        verified = await verify(service)
        assert not verified.consistent
        if hot:
            assert check in failing(verified), verified
        assert await verify(service) == verified


async def tamper(
    service: Service, table: Any, which: Any, change: Callable[[Row[Any]], dict[str, Any]]
) -> None:
    async with service.database.engine.begin() as connection:
        found = select(table) if which is None else select(table).where(which)
        row = (await connection.execute(found.limit(1))).one()
        keys = [column == getattr(row, column.name) for column in table.primary_key]
        await connection.execute(update(table).where(*keys).values(**change(row)))


async def test_a_fault_of_storage_is_no_verdict(database_url: str, full_export: bytes) -> None:
    async with running(database_url) as service:
        await full(service, full_export)
        faults = Faults(service.database.engine)
        for at in range(1, 30):
            faults.arm(at, Fault.IO_ERROR)
            try:
                assert (await verify(service)).consistent
            except Unavailable:
                assert faults.fired
            if not faults.fired:
                return
        raise AssertionError("it never ends")
