"""`semvec database check`: what it finds, beside servers that run."""

import asyncio
import json
import re
import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from semvec.cli import main
from semvec.inspection import DatabaseReport, check_database
from tests.services import create, inject, put, run, running, store

ARCHIVED = "(SELECT min(id) FROM memories WHERE archived_seq IS NOT NULL)"


async def filled(url: str) -> None:
    """Two sessions, one with an archive, a snapshot, events after it, and controls."""
    path = file_of(url)
    async with running(f"sqlite:///{path.with_name('live.db')}") as service:
        await create(service, long_term_memories=1)
        await create(service, "other")
        for number in range(90):
            await store(service, f"memory {number} of the session")
        await store(service, "another memory", "other")
        await put(service, "a key")
        await inject(service, "injected words")
        await run(service, "a question", "and its answer")
        async with service.database.engine.connect() as connection:
            await connection.exec_driver_sql(f"VACUUM INTO '{path}'")


def file_of(url: str) -> Path:
    return Path(url.removeprefix("sqlite:///"))


def change(url: str, *statements: str) -> None:
    engine = create_engine(url.replace("postgresql:", "postgresql+asyncpg:"))
    with engine.begin() as connection:
        for statement in statements:
            connection.execute(text(statement))
    engine.dispose()


def told(report: DatabaseReport) -> list[tuple[str | None, str]]:
    return [
        (each.session.session_id if each.session else None, each.fault) for each in report.faults
    ]


async def test_a_sound_database_beside_its_server(database_url: str) -> None:
    async with running(database_url) as service:
        await create(service, long_term_memories=1)
        for number in range(90):
            await store(service, f"memory {number} of the session")
        report = await check_database(database_url)
        assert (report.sessions, report.memories, told(report)) == (1, 90, [])
        await store(service, "and one more")
    report = await check_database(database_url)
    assert (report.sessions, report.memories, told(report)) == (1, 91, [])


@pytest.mark.parametrize(
    ("damage", "found"),
    [
        ("DELETE FROM events", "it cannot be rebuilt: the journal of session 1"),
        ("UPDATE events SET payload = x'00'", "it cannot be rebuilt"),
        ("UPDATE snapshots SET payload = x'00'", "it cannot be rebuilt"),
        ("DELETE FROM snapshots", "its head tells of a snapshot as of"),
        ("UPDATE sessions SET seq = seq + 1", "its head is at"),
        ("UPDATE sessions SET total_memories = 7", "journal: events make"),
        ("UPDATE sessions SET phase = 'none'", "its head tells of another state"),
        ("DELETE FROM memories", "it cannot be rebuilt: KeyError"),
    ],
)
async def test_what_is_damaged_is_named(sqlite_url: str, damage: str, found: str) -> None:
    await filled(sqlite_url)
    assert told(await check_database(sqlite_url)) == []
    await asyncio.to_thread(change, sqlite_url, f"{damage} WHERE key = 1")
    report = await check_database(sqlite_url)
    assert report.sessions == 2
    assert {session_id for session_id, _ in told(report)} == {"s"}
    assert any(found in fault for _, fault in told(report)), told(report)


@pytest.mark.parametrize(
    ("damage", "found"),
    [
        ("UPDATE memories SET payload = x'00'", r"memory \d+: its row cannot be read"),
        ("UPDATE memories SET hash = 'x'", r"memory \d+ is filed under another id, hash or fold"),
        ("DELETE FROM memories", "it counts 9 archived memories, there are 8"),
    ],
)
async def test_damage_in_the_archive_is_named(sqlite_url: str, damage: str, found: str) -> None:
    async with running(sqlite_url) as service:
        await create(service, long_term_memories=1)
        for number in range(90):
            await store(service, f"memory {number} of the session")
    await asyncio.to_thread(change, sqlite_url, f"{damage} WHERE id = {ARCHIVED}")
    ((session_id, fault),) = told(await check_database(sqlite_url))
    assert session_id == "s"
    assert re.fullmatch(found, fault)


async def test_rows_of_no_session_are_counted(sqlite_url: str) -> None:
    await filled(sqlite_url)
    await asyncio.to_thread(change, sqlite_url, "DELETE FROM sessions WHERE session_id = 'other'")
    faults = told(await check_database(sqlite_url))
    assert faults == [(None, "2 rows of events belong to no session")]


async def test_a_file_with_damaged_pages_is_told_of(sqlite_url: str) -> None:
    await filled(sqlite_url)
    path = file_of(sqlite_url)
    content = bytearray(await asyncio.to_thread(path.read_bytes))
    content[3 * 4096 : -4096] = bytes(len(content) - 4 * 4096)
    await asyncio.to_thread(path.write_bytes, content)
    faults = told(await check_database(sqlite_url))
    assert faults
    assert all(session_id is None for session_id, _ in faults)


def test_the_command_prints_faults_and_exits_with_one(
    sqlite_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    asyncio.run(filled(sqlite_url))
    before = file_of(sqlite_url).read_bytes()
    assert main(["database", "check", sqlite_url]) == 0
    assert capsys.readouterr().out.endswith(" memories: intact\n")
    assert file_of(sqlite_url).read_bytes() == before
    with sqlite3.connect(file_of(sqlite_url)) as connection:
        connection.execute("DELETE FROM events WHERE key = 2")
    connection.close()
    assert main(["database", "check", "--json", sqlite_url]) == 1
    report = json.loads(capsys.readouterr().out)
    assert (report["intact"], report["sessions"]) == (False, 2)
    (fault,) = report["faults"]
    assert (fault["key"], fault["owner"], fault["session_id"]) == (2, "ada", "other")


def test_the_command_makes_no_database(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{tmp_path}/none.db")
    monkeypatch.setenv("SEMVEC_ALLOW_ANONYMOUS", "1")
    assert main(["database", "check"]) == 1
    assert "there is no database" in capsys.readouterr().err
    (tmp_path / "none.db").write_bytes(b"")
    assert main(["database", "check"]) == 1
    assert "its schema is none" in capsys.readouterr().out
    assert {each.name for each in tmp_path.iterdir()} == {"none.db"}
