"""`semvec audit verify`, beside a server that runs."""

import sqlite3
from pathlib import Path

import pytest

from semvec.cli import main
from tests.servers import serving

Output = pytest.CaptureFixture[str]


async def write(url: str, folder: Path) -> None:
    async with serving(url, folder) as server, server.client() as client:
        for number in range(5):
            answer = await client.post("/v1/session/create", session_id=f"s{number}", dimension=4)
            assert answer.status == 200


def verify(*options: str) -> int:
    return main(["audit", "verify", *options])


async def test_an_intact_log_is_told_apart_from_one_that_is_not(
    tmp_path: Path, capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "semvec.db"
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{path}")
    await write(f"sqlite:///{path}", tmp_path)
    import asyncio

    assert await asyncio.to_thread(verify) == 0
    end, last = capsys.readouterr().out.splitlines()
    assert last == "6 rows in 1 chains: intact"
    with sqlite3.connect(path) as database:
        database.execute("DELETE FROM audit_log WHERE seq = 6")
    database.close()
    assert await asyncio.to_thread(verify) == 0
    assert await asyncio.to_thread(verify, "--end", end.split()[1]) == 1
    assert "chain 1, row 6: somebody names this row, and it is missing" in capsys.readouterr().out
    with sqlite3.connect(path) as database:
        database.execute("UPDATE audit_log SET resource = 'session/x' WHERE seq = 3")
    database.close()
    assert await asyncio.to_thread(verify) == 1
    said = capsys.readouterr().out
    assert "chain 1, row 3: it does not hash on top of the row before it" in said
    assert "5 rows in 1 chains: 1 faults" in said


def test_without_a_database_there_is_nothing_to_verify(
    tmp_path: Path, capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{tmp_path}/none.db")
    assert verify() == 1
    assert "there is no database" in capsys.readouterr().err
    assert not (tmp_path / "none.db").exists()
    assert verify("--end", "nonsense") == 1
