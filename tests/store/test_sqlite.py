"""The file, its lock and its write-ahead log."""

import asyncio
import os
import sqlite3
import stat
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from semvec.errors import Unavailable
from semvec.store import Append, Snapshot, Store, StoreError
from semvec.store.sqlite import SqliteConnection
from tests.store.lines import append as appended
from tests.store.lines import in_line, save_snapshot


async def test_a_second_server_is_refused(sqlite_url: str) -> None:
    first, second = Store(sqlite_url), Store(sqlite_url)
    await first.open()
    assert not first.shared
    with pytest.raises(StoreError, match=r"semvec\.db is in use by another server; stop that one"):
        await second.open()
    with pytest.raises(StoreError, match="in use"):
        await Store(sqlite_url, shared=True).open()
    await first.close()
    await second.open()
    await second.close()


async def test_servers_that_share_see_each_other(sqlite_url: str) -> None:
    first, second = Store(sqlite_url, shared=True), Store(sqlite_url, shared=True)
    await first.open()
    await second.open()
    assert first.shared
    head = await first.create("o", "s", 0.0, b"created")
    assert head is not None
    assert await second.head("o", "s") == head
    outcomes = await asyncio.gather(
        *(appended(store, Append(head.key, 1, (b"event",), 0.0, 0, 0)) for store in (first, second))
    )
    assert sorted(outcomes) == [False, True]
    with pytest.raises(StoreError, match="in use"):
        await Store(sqlite_url).open()
    await first.close()
    await second.close()


async def test_a_lock_held_too_long_is_unavailable(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("semvec.store.sqlite.PRAGMAS", ("PRAGMA busy_timeout = 50",))
    store = Store(sqlite_url)
    await store.open()
    head = await store.create("o", "s", 0.0, b"created")
    assert head is not None
    append = Append(head.key, 1, (b"event",), 0.0, 0, 0)
    with closing(sqlite3.connect(tmp_path / "semvec.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(Unavailable, match="database is locked"):
            await appended(store, append)
        assert await store.head("o", "s") == head
        other.execute("COMMIT")
    assert await appended(store, append)
    await store.close()


async def test_commits_are_synced(sqlite_url: str) -> None:
    store = Store(sqlite_url)
    await store.open()
    async with store.engine.connect() as connection:
        for pragma, value in {
            "journal_mode": "wal", "synchronous": 2, "secure_delete": 2, "busy_timeout": 5000
        }.items():  # fmt: skip
            result = await connection.exec_driver_sql(f"PRAGMA {pragma}")
            assert result.scalar() == value
    await store.close()


async def test_an_append_crosses_to_its_thread_four_times(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(sqlite_url)
    await store.open()
    head = await store.create("o", "s", 0.0, b"created")
    assert head is not None
    crossings = []
    cross = SqliteConnection._execute

    async def counted(connection: SqliteConnection, call: partial[object]) -> object:
        if "remains" not in str(call.args):  # the eraser's look, whenever it comes
            crossings.append(call)
        return await cross(connection, call)  # type: ignore[no-untyped-call]

    monkeypatch.setattr(SqliteConnection, "_execute", counted)
    assert await store.append(*in_line(head, Append(head.key, 1, (b"event",), 0.0, 0, 0)))
    assert len(crossings) == 4  # heads with BEGIN, head update, event insert, COMMIT
    await store.close()


async def test_the_log_stays_bounded_under_overlapping_reads(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("semvec.store.sqlite.WAL_BYTES", 8 * 2**20)
    store = Store(sqlite_url)
    await store.open()
    head = await store.create("o", "s", 0.0, b"created")
    assert head is not None
    done = False

    async def read() -> None:
        while not done:
            await store.load("o", "s")
            await store.tail(head.key, 0)

    readers = [asyncio.create_task(read()) for _ in range(4)]
    largest, events = 0, (bytes(250_000),) * 4
    for seq in range(1, 160, 4):
        assert await appended(store, Append(head.key, seq, events, 0.0, 0, 0))
        if seq % 16 == 1:
            await save_snapshot(store, Snapshot(head.key, seq, b"", ()))
        largest = max(largest, (tmp_path / "semvec.db-wal").stat().st_size)
    done = True
    await asyncio.gather(*readers)
    await store.close()
    assert 4 * 2**20 < largest < 16 * 2**20


async def test_places_where_no_database_can_be(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"there is no directory .*/missing; create it"):
        await Store(f"sqlite:///{tmp_path}/missing/semvec.db").open()
    (tmp_path / "text.db").write_text("no database, but long enough to be looked at" * 100)
    with pytest.raises(StoreError, match=r"text\.db: file is not a database"):
        await Store(f"sqlite:///{tmp_path}/text.db").open()
    (tmp_path / "directory.db").mkdir()
    with pytest.raises(StoreError, match=r"directory\.db: Is a directory"):
        await Store(f"sqlite:///{tmp_path}/directory.db").open()


async def test_a_refused_opening_leaves_the_lock_free(tmp_path: Path) -> None:
    path = tmp_path / "semvec.db"
    path.write_text("no database, but long enough to be looked at" * 100)
    with pytest.raises(StoreError, match="not a database"):
        await Store(f"sqlite:///{path}").open()
    path.unlink()
    store = Store(f"sqlite:///{path}")
    await store.open()
    await store.close()


async def test_only_the_owner_reads_the_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    store = Store("sqlite:///semvec.db")
    await store.open()
    assert {path: stat.S_IMODE(os.stat(path).st_mode) for path in os.listdir(".")} == dict.fromkeys(
        ("semvec.db", "semvec.db-shm", "semvec.db-wal", "semvec.db.lock"), 0o600
    )
    await store.close()
