"""The audit log: its rows, its chains, and what is found where somebody has been at them."""

import asyncio

import asyncpg
import pytest
from sqlalchemy import text

from semvec.audit import AuditLog, ChainReport
from semvec.audit.verify import link_of, printed
from semvec.errors import Unavailable
from semvec.store import (
    Append,
    AuditEntry,
    AuditFilter,
    AuditInfo,
    RecordedEntry,
    Store,
    WriteContext,
    write_context,
)
from tests.store.faults import Fault, Faults
from tests.store.lines import append as appended

RECEIPT = AuditInfo(5.5, "ada", "run", "session", "s", 200, "r1", "192.0.2.7")


async def rows(store: Store) -> list[RecordedEntry]:
    return (await store.entries(AuditFilter(), limit=10_000, before=None))[::-1]


async def execute(store: Store, statement: str) -> None:
    async with store.engine.begin() as connection:
        await connection.execute(text(statement))


async def verified(store: Store, *ends: str) -> ChainReport:
    return await AuditLog(store).verify(map(link_of, ends))


def entry(number: int, subject: str = "ada") -> AuditEntry:
    return AuditEntry(
        float(number), subject, "run", f"session/s{number % 3}", 200, f"r{number}", "::1"
    )


@pytest.fixture
async def filled(store: Store) -> Store:
    """With a row that opens the chain, and nine more."""
    for number in range(9):
        await store.record(entry(number))
    return store


async def test_a_write_takes_its_row_along_once(store: Store) -> None:
    effect = WriteContext(RECEIPT)
    with write_context(effect):
        head = await store.create("ada", "s", 1.0, b"created")
        assert head is not None
        assert await appended(store, Append(head.key, 1, (b"event",), 2.0, 1, 1))
    _, row = await rows(store)
    assert row.entry == RECEIPT.audit_entry(None) == effect.recorded
    assert (await verified(store)).intact


async def test_a_write_that_comes_too_late_leaves_no_row(store: Store) -> None:
    head = await store.create("ada", "s", 1.0, b"created")
    assert head is not None
    effect = WriteContext(RECEIPT)
    with write_context(effect):
        assert await store.create("ada", "s", 1.0, b"created") is None
        assert not await appended(store, Append(head.key, 7, (b"event",), 2.0, 1, 1))
        assert not await store.delete(head.key + 1)
        assert await rows(store) == []
        assert await appended(store, Append(head.key, 1, (b"event",), 2.0, 1, 1))
    assert len(await rows(store)) == 2


async def test_a_request_that_names_nothing_is_about_what_it_makes(store: Store) -> None:
    with write_context(
        WriteContext(AuditInfo(5.5, "ada", "run", "session", None, 200, "r1", None))
    ):
        await store.create("ada", "made-up", 1.0, b"created")
    assert (await rows(store))[-1].entry.resource == "session/made-up"


async def test_rows_of_a_batch_keep_their_order(store: Store) -> None:
    await asyncio.gather(*(store.record(entry(number)) for number in range(50)))
    found = await rows(store)
    assert [row.entry for row in found[1:]] == [entry(number) for number in range(50)]
    assert [row.seq for row in found] == [*range(1, 52)]
    assert {row.chain for row in found} == {1}


async def test_a_filter_lets_through_what_fits(filled: Store) -> None:
    await filled.record(entry(20, "bob"))

    async def times(wanted: AuditFilter) -> list[float]:
        found = await filled.entries(wanted, limit=100, before=None)
        assert await filled.count_entries(wanted) == len(found)
        return [row.entry.at for row in found]

    assert await times(AuditFilter("bob")) == [20.0]
    assert await times(AuditFilter("ada", resource="session/s1")) == [7.0, 4.0, 1.0]
    assert await times(AuditFilter("ada", since=3.0, until=5.0)) == [4.0, 3.0]
    assert await times(AuditFilter("ada", action="store")) == []


@pytest.mark.parametrize(
    "tampering",
    [
        "UPDATE audit_log SET subject = 'bob' WHERE seq = 4",
        "UPDATE audit_log SET at = at + 0.001 WHERE seq = 4",
        "UPDATE audit_log SET client_ip = NULL WHERE seq = 4",
        "UPDATE audit_log SET details = '{}' WHERE seq = 10",
        "UPDATE audit_log SET hash = (SELECT hash FROM audit_log WHERE seq = 5) WHERE seq = 4",
        "UPDATE audit_log SET seq = seq + 1 WHERE seq = 10",
        "DELETE FROM audit_log WHERE seq = 4",
        "DELETE FROM audit_log WHERE seq IN (4, 5)",
        "DELETE FROM audit_log WHERE seq = 1",
        "DELETE FROM audit_chains",
        "UPDATE audit_chains SET pruned_seq = 1, pruned_hash = NULL",
        "INSERT INTO audit_log (chain, seq, at, subject, action, resource, status, request_id,"
        " details, hash) SELECT chain, seq, at, subject, action, resource, status, request_id,"
        " details, hash FROM audit_log WHERE seq = 10",
    ],
)
async def test_tampering_is_found(filled: Store, tampering: str) -> None:
    before = await verified(filled)
    assert before.intact
    assert before.rows == 10
    if "INTO audit_log" in tampering and filled.engine.dialect.name == "postgresql":
        tampering = tampering.replace("SELECT chain", "OVERRIDING USER VALUE SELECT chain")
    await execute(filled, tampering)
    assert not (await verified(filled)).intact


async def test_faults_say_where_and_what(filled: Store) -> None:
    await execute(filled, "UPDATE audit_log SET status = 500 WHERE seq = 3")
    await execute(filled, "DELETE FROM audit_log WHERE seq IN (6, 7)")
    assert [*map(str, (await verified(filled)).faults)] == [
        "chain 1, row 3: it does not hash on top of the row before it",
        "chain 1, row 8: before it, row 6 to 7 is missing",
    ]


async def test_rows_that_change_places_are_found(filled: Store) -> None:
    for number, other in ((3, -1), (4, 3), (-1, 4)):
        override = f"UPDATE audit_log SET id = {other} WHERE id = {number}"
        if filled.engine.dialect.name == "postgresql":
            await execute(filled, "ALTER TABLE audit_log ALTER id SET GENERATED BY DEFAULT")
        await execute(filled, override)
    faults = (await verified(filled)).faults
    assert [(fault.seq, fault.what) for fault in faults] == [
        (3, "it comes after row 4"),
        (4, "before it, row 3 is missing"),
        (5, "before it, row 4 is missing"),
    ]


async def test_an_end_that_is_cut_off_is_missed_by_the_next_chain(database_url: str) -> None:
    for _ in range(2):
        store = Store(database_url)
        await store.open()
        for number in range(3):
            await store.record(entry(number))
        await store.close()
    store = Store(database_url)
    report = await verified(store)
    assert report.intact
    assert [(end.chain, end.seq) for end in report.ends] == [(1, 4), (2, 4)]
    await execute(store, "DELETE FROM audit_log WHERE chain = 1 AND seq = 4")
    assert [*map(str, (await verified(store)).faults)] == [
        "chain 1, row 4: chain 2 names this row, and it is missing"
    ]
    await store.engine.dispose()


async def test_an_end_that_was_kept_elsewhere_is_missed(filled: Store) -> None:
    (end,) = (await verified(filled)).ends
    await execute(filled, "DELETE FROM audit_log WHERE seq > 8")
    assert (await verified(filled)).intact
    assert not (await verified(filled, printed(end))).intact


async def test_pruning_leaves_what_can_be_verified(filled: Store) -> None:
    assert await filled.expire_audit(4.0)
    assert [row.entry.at for row in await rows(filled)] == [4.0, 5.0, 6.0, 7.0, 8.0]
    assert (await verified(filled)).intact
    assert not await filled.expire_audit(4.0)
    await filled.record(entry(9))
    assert (await verified(filled)).intact
    await execute(filled, "DELETE FROM audit_log WHERE at = 4.0")
    assert not (await verified(filled)).intact
    assert await filled.expire_audit(100.0)
    assert (await verified(filled)).rows == 0
    await filled.record(entry(10))
    assert [row.seq for row in await rows(filled)] == [12]


async def test_after_a_failure_a_new_chain_begins(filled: Store) -> None:
    faults = Faults(filled.engine)
    faults.arm(1, Fault.IO_ERROR)
    with pytest.raises(Unavailable):
        await filled.record(entry(9))
    faults.arm(0, Fault.IO_ERROR)
    await filled.record(entry(10))
    assert [(row.chain, row.seq) for row in (await rows(filled))[-2:]] == [(2, 1), (2, 2)]
    assert (await verified(filled)).intact


async def test_a_chain_does_not_go_on_over_a_new_connection(postgres_url: str) -> None:
    """The database may be an older one there, which lacks the chain's last rows."""
    store = Store(postgres_url)
    await store.open()
    await store.record(entry(1))
    admin = await asyncpg.connect(postgres_url)
    await admin.execute("DELETE FROM audit_log WHERE seq = 2")
    await admin.fetch(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    await admin.close()
    await store.record(entry(2))
    assert [(row.chain, row.seq) for row in await rows(store)] == [(1, 1), (2, 1), (2, 2)]
    assert not (await verified(store)).faults
    await store.close()
