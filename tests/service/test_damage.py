"""Verification of sessions whose rows somebody else has changed."""

import asyncio
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from semvec.errors import Invalid
from tests.services import DIMENSION, OWNER, create, running, store


def change(url: str, statement: str) -> None:
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text(statement))
    engine.dispose()


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        ("UPDATE sessions SET seq = seq + 1", "journal of session 1 ends at 4, its head is at 5"),
        ("DELETE FROM snapshots", "makes no session"),
        ("DELETE FROM memories", "makes no session"),
        ("UPDATE sessions SET total_memories = 7", "other counts"),
    ],
)
async def test_damaged_rows_are_told_as_such(tmp_path: Path, damage: str, told: str) -> None:
    url = f"sqlite:///{tmp_path}/semvec.db"
    async with running(url) as service:
        await create(service)
        for number in range(3):
            await store(service, f"memory {number}")
    await asyncio.to_thread(change, url, damage)
    async with running(url) as service:
        verified = await service.verification.verify(OWNER, "s", [])
    assert not verified.consistent
    assert [told in check.detail for check in verified.checks if not check.ok] == [True]


async def test_a_probe_of_another_length_is_named_by_its_place(tmp_path: Path) -> None:
    async with running(f"sqlite:///{tmp_path}/semvec.db") as service:
        await create(service)
        probes = [[1.0] * DIMENSION, [1.0]]
        with pytest.raises(Invalid) as refused:
            await service.verification.verify(OWNER, "s", probes)
    assert refused.value.faults[0]["loc"] == ["body", "test_embeddings", 1]
