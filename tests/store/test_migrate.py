"""A database of every age opens, or says why not."""

import asyncio
from collections.abc import Callable

import msgspec
import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import text

from semvec.session.events import (
    MemoryRecord,
    Turn,
    decode_event,
    decode_memory,
    encode_event,
    encode_memory,
)
from semvec.store import Append, ArchivedRow, MemoryRow, Store, StoreError, line_after, migrate
from semvec.store.tables import metadata
from semvec.vectors import Vector, codes, packed
from tests.session.conversations import unit
from tests.store.lines import append as appended


async def test_migrations_make_the_declared_schema(store: Store) -> None:
    async with store.engine.connect() as connection:
        differences = await connection.run_sync(
            lambda conn: compare_metadata(MigrationContext.configure(conn), metadata)
        )
    assert differences == []


async def test_reopening_keeps_everything(database_url: str) -> None:
    for n in range(3):
        store = Store(database_url)
        await store.open()
        assert await store.count("o") == n
        await store.create("o", f"s{n}", 0.0, b"created")
        await store.close()


async def test_a_newer_database_is_refused(database_url: str) -> None:
    store = Store(database_url)
    await store.open()
    async with store.engine.begin() as connection:
        await connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    await store.close()
    with pytest.raises(StoreError, match=r"newer semvec \(its schema is 9999, this"):
        await Store(database_url).open()


async def test_a_session_of_release_1_0_gets_its_line_with_its_next_event(
    database_url: str,
) -> None:
    store = Store(database_url)
    release = await asyncio.to_thread(store._database.claim)  # which makes a file
    async with store.engine.begin() as connection:
        await connection.run_sync(migrate.upgrade, await asyncio.to_thread(migrate.read), "0008")
        await connection.execute(
            text(
                "INSERT INTO sessions (owner, session_id, seq, snapshot_seq, created_at,"
                " last_used_at, interaction_count, total_memories, kind)"
                " VALUES ('o', 's', 1, 0, 1.5, 1.5, 0, 0, 0)"
            )
        )
        await connection.execute(
            text("INSERT INTO events (key, seq, payload) VALUES (1, 1, :payload)"),
            {"payload": b"created"},
        )
    await asyncio.to_thread(release)
    await store.open()
    head = await store.head("o", "s")
    assert head is not None
    assert (head.seq, head.line) == (1, None)
    following = Append(head.key, 1, (b"two",), 2.0, 1, 1)
    assert await store.append(following)
    stored = await store.load("o", "s")
    assert stored is not None
    assert stored.head.line == following.next_line == line_after(None, (b"two",))
    assert stored.events == ((1, b"created"), (2, b"two"))
    await store.close()


async def test_servers_may_start_at_once(database_url: str) -> None:
    stores = [Store(database_url, shared=True) for _ in range(4)]
    await asyncio.gather(*(store.open() for store in stores))
    made = await asyncio.gather(
        *(store.create("o", f"s{n}", 0.0, b"created") for n, store in enumerate(stores))
    )
    assert len({head.key for head in made if head}) == 4
    for store in stores:
        await store.close()


async def test_promise_4_memories_with_float32_vectors_open_as_codes(database_url: str) -> None:
    """In rows of their own, and in an event that brings them back."""
    numbers = range(1, 1101)
    records = [memory(number, codes) for number in numbers]
    older = [without_tokens(memory(number, packed)) for number in numbers]
    rows = [
        ArchivedRow(MemoryRow(record.id, record.hash, record.fold, msgspec.msgpack.encode(old)), ())
        for record, old in zip(records, older, strict=True)
    ]
    returning = msgspec.msgpack.encode({"type": "turn", "at": 1.0, "returned": older[:2]})
    recent = Turn(2.0, returned=tuple(records[:2]))
    store = Store(database_url)
    await store.open()
    head = await store.create("o", "s", 0.0, encode_event(Turn(0.0)))
    assert head is not None
    events = (returning, encode_event(recent))
    assert await appended(store, Append(head.key, 1, events, 0.0, 0, 0, tuple(rows)))
    async with store.engine.begin() as connection:
        newest = await connection.scalar(text("SELECT version_num FROM alembic_version"))
        await connection.execute(text("UPDATE alembic_version SET version_num = '0003'"))
        await connection.run_sync(migrate.upgrade, await asyncio.to_thread(migrate.read), "0004")
        await connection.execute(
            text("UPDATE alembic_version SET version_num = :newest"), {"newest": newest}
        )
    await store.close()

    store = Store(database_url)
    await store.open()
    found = await store.archived_by_folds(head.key, [record.fold for record in records])
    assert [decode_memory(payload) for payload in found] == records
    tail = [decode_event(payload) for _, payload in (await store.tail(head.key, 1)).events]
    assert tail == [Turn(1.0, returned=recent.returned), recent]
    await store.close()


def memory(number: int, kept: Callable[[Vector], bytes]) -> MemoryRecord:
    """A memory whose vectors are `kept` as codes or as float32; every second one is a pair."""
    paired = number % 2
    return MemoryRecord(
        id=number,
        hash=f"{number:032x}",
        fold=number.to_bytes(16),
        question="who?" if paired else None,
        response="me",
        vector=kept(unit(number)),
        question_vector=kept(unit(-number % 997)) if paired else None,
        created=0.5,
        last_access=1.5,
        access_count=2,
        importance=0.5,
        nearest=0.25,
    )


def without_tokens(record: MemoryRecord) -> dict[str, object]:
    """As a release wrote it that kept no token vectors."""
    fields: dict[str, object] = msgspec.msgpack.decode(encode_memory(record))
    del fields["tokens"]
    return fields
