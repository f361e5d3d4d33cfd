"""Storage that fails: never success without a commit, and work goes on without a restart."""

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass, field

import asyncpg
import pytest
from sqlalchemy import Connection, event

from semvec.errors import Unavailable
from semvec.store import Append, ArchivedRow, MemoryRow, Snapshot, Store
from tests.store.faults import Fault, Faults
from tests.store.lines import append as appended
from tests.store.lines import in_line, save_snapshot


@dataclass
class Client:
    """Runs a script on one session, as the service does, and keeps what was acknowledged."""

    store: Store
    name: str
    key: int = 0
    seq: int = 0
    acknowledged: dict[int, bytes] = field(default_factory=dict)
    snapshot: int = 0
    refused: int = 0

    async def run(self) -> None:
        await self.attempt(self.create())
        for number in range(3):
            await self.attempt(self.append(number))
            await self.attempt(self.save_snapshot())
            await self.attempt(self.recall(number))
        await self.attempt(self.append(3))

    async def attempt(self, step: Awaitable[None]) -> None:
        try:
            await step
        except Unavailable:
            self.refused += 1

    async def refresh(self) -> None:
        head = await self.store.head("o", self.name)
        self.key, self.seq = (head.key, head.seq) if head else (0, 0)

    async def create(self) -> None:
        head = await self.store.create("o", self.name, 0.0, b"created")
        assert head is not None
        self.acknowledged[1] = b"created"

    async def append(self, number: int) -> None:
        await self.refresh()
        if not self.key:
            await self.create()
            await self.refresh()
        row = MemoryRow(number + 1, f"hash{number}", b"fold%d" % number, b"payload%d" % number)
        event = b"event %d" % number
        archived = (ArchivedRow(row, ("word", f"word{number}")),)
        append = Append(self.key, self.seq, (event,), 1.0, number, number, archived=archived)
        assert await appended(self.store, append)
        self.acknowledged[self.seq + 1] = event

    async def save_snapshot(self) -> None:
        await self.refresh()
        if self.key:
            assert await save_snapshot(self.store, Snapshot(self.key, self.seq, b"snapshot", ()))
            self.snapshot = self.seq

    async def recall(self, number: int) -> None:
        await self.refresh()
        await self.store.search_archive(self.key, {"word": 1})
        await self.store.archived_by_hash(self.key, f"hash{number}")
        await self.store.load("o", self.name)

    async def check(self) -> None:
        stored = await self.store.load("o", self.name)
        assert stored is not None
        assert stored.head.seq >= max(self.acknowledged)
        at, _ = stored.snapshot or (0, b"")
        assert at >= self.snapshot
        present = dict(stored.events)
        assert list(present) == list(range(at + 1, stored.head.seq + 1))
        assert {seq: event for seq, event in self.acknowledged.items() if seq > at}.items() <= (
            present.items()
        )
        found = await self.store.search_archive(stored.head.key, {"word": 1})
        assert len(found) == stored.head.seq - 1


@pytest.mark.parametrize("fault", Fault)
async def test_a_fault_at_every_call(
    store: Store, fault: Fault, caplog: pytest.LogCaptureFixture
) -> None:
    await store.committing.close()  # its probes would be among the calls
    await Client(store, "first").run()  # meanwhile the eraser has had its first look
    faults = Faults(store.engine)
    untroubled = Client(store, "untroubled")
    await untroubled.run()
    calls = faults.calls
    await untroubled.check()
    assert untroubled.refused == 0
    assert calls > 40
    for at in range(1, calls + 1):
        client = Client(store, f"fault at {at}")
        faults.arm(at, fault)
        await client.run()
        assert faults.fired
        assert client.refused <= 2
        await client.check()


def first(key: int) -> Append:
    return Append(key, 1, (b"event",), 1.0, 1, 1)


async def test_a_failed_batch_writes_nothing_of_any_session(store: Store) -> None:
    made = await asyncio.gather(*(store.create("o", f"s{n}", 0.0, b"created") for n in range(9)))
    heads = [head for head in made if head]
    await store.committing.close()  # its probes would be among the calls
    faults = Faults(store.engine)
    faults.arm(3, Fault.IO_ERROR)
    outcomes = await asyncio.gather(
        *(store.append(each) for head in heads for each in in_line(head, first(head.key))),
        return_exceptions=True,
    )
    assert faults.fired
    assert all(isinstance(outcome, Unavailable) for outcome in outcomes)
    assert [head.seq for head in await store.heads("o", limit=99, before=None)] == [1] * 9
    assert all(await asyncio.gather(
        *(store.append(each) for head in heads for each in in_line(head, first(head.key)))
    ))  # fmt: skip


@pytest.mark.parametrize("fault", Fault)
async def test_nothing_is_called_unwritten_that_is_written(
    store: Store, fault: Fault, caplog: pytest.LogCaptureFixture
) -> None:
    faults, told = Faults(store.engine), set[tuple[str | None, bool]]()
    for at in range(1, 9):
        faults.arm(at, fault)
        outcome: str | None = "written"
        try:
            await store.create("o", f"s{at}", 0.0, b"created")
        except Unavailable as error:
            outcome = error.outcome
        faults.arm(0, fault)  # the look itself is not to fail
        told.add((outcome, await store.head("o", f"s{at}") is not None))
    assert ("written", True) in told
    assert "unknown" in {outcome for outcome, _ in told}
    unwritten = {("unknown", False), ("not_written", False)}
    assert told <= {("written", True), ("unknown", True), *unwritten}


async def test_a_read_on_a_dead_connection_is_tried_again(store: Store) -> None:
    head = await store.create("o", "s", 0.0, b"created")
    faults = Faults(store.engine)
    for fault in (Fault.LOST_BEFORE, Fault.LOST_AFTER):
        faults.arm(1, fault)
        assert await store.head("o", "s") == head
        assert faults.fired
    faults.arm(1, Fault.IO_ERROR)
    with pytest.raises(Unavailable, match="storage cannot read: disk I/O error"):
        await store.head("o", "s")


async def test_a_connection_that_failed_a_write_is_not_used_again(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    head = await store.create("o", "s", 0.0, b"created")
    assert head is not None
    gone: list[object] = []
    event.listen(store.engine.sync_engine, "invalidate", lambda *call: gone.append(call))
    await store.committing.close()  # its probes would be among the calls
    faults = Faults(store.engine)
    faults.arm(2, Fault.IO_ERROR)
    (append,) = in_line(head, Append(head.key, 1, (b"somebody's words",), 1.0, 1, 1))
    with pytest.raises(Unavailable, match=r"storage cannot commit: .*disk I/O error"):
        await store.append(append)
    rest = (b"event",), 1.0, 1, 1
    first, second = in_line(
        head,
        Append(head.key, 1, *rest),
        Append(head.key, 2, (b"somebody's words",), 1.0, 1, 1),
    )
    assert await store.append(first)
    assert len(gone) == 1
    faults.arm(3, Fault.IO_ERROR)
    with pytest.raises(Unavailable):
        await store.append(second)
    assert "disk I/O error" in caplog.text
    assert "somebody" not in caplog.text


async def test_a_full_disk(sqlite_url: str) -> None:
    store = Store(sqlite_url)
    await store.open()
    pages = 2**30

    def limit(connection: Connection) -> None:
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")

    event.listen(store.engine.sync_engine, "begin", limit)
    head = await store.create("o", "s", 0.0, b"created")
    assert head is not None
    async with store.engine.connect() as connection:
        pages = (await connection.exec_driver_sql("PRAGMA page_count")).scalar_one() + 40
    seq = 1
    while seq < 1000:
        try:
            assert await appended(store, Append(head.key, seq, (bytes(4000),), 1.0, 1, 1))
        except Unavailable as error:
            refusal = error
            break
        seq += 1
    assert "database or disk is full" in refusal.reason
    assert seq > 10
    stored = await store.load("o", "s")
    assert stored is not None
    assert len(stored.events) == stored.head.seq == seq
    pages = 2**30
    assert await appended(store, Append(head.key, seq, (b"event",), 1.0, 1, 1))
    await store.close()


async def test_terminated_connections(postgres_url: str) -> None:
    store = Store(postgres_url)
    await store.open()
    clients = [Client(store, f"s{n}") for n in range(8)]
    working = [asyncio.create_task(client.run()) for client in clients]
    admin = await asyncpg.connect(postgres_url)
    for _ in range(5):
        await asyncio.sleep(0.01)
        await admin.fetch(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    await admin.close()
    await asyncio.gather(*working)
    for client in clients:
        await client.attempt(client.append(9))
        await client.append(10)
        await client.check()
    await store.close()
