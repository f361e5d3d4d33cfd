"""Verification of sessions whose rows somebody else has changed."""

import asyncio
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from semvec.errors import Damaged, Invalid
from semvec.session.text_normalise import content_hash
from tests.services import DIMENSION, OWNER, create, recall, running, store


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


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE snapshots SET payload = x'00' WHERE key = 1",
        "DELETE FROM memories WHERE key = 1",
        "UPDATE sessions SET seq = seq + 1 WHERE key = 1",
    ],
)
async def test_a_damaged_session_is_named_and_others_are_served(
    tmp_path: Path, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    url = f"sqlite:///{tmp_path}/semvec.db"
    async with running(url) as service:
        await create(service, "a secret name")
        await create(service, "sound")
        for number in range(3):
            await store(service, f"secret memory {number}", "a secret name")
    await asyncio.to_thread(change, url, damage)
    async with running(url) as service:
        for use in (
            lambda: store(service, "one more", "a secret name"),
            lambda: service.sessions.metrics(OWNER, "a secret name"),
            lambda: service.transfers.export(OWNER, "a secret name"),
        ):
            with pytest.raises(Damaged, match="session 'a secret name' cannot be read") as told:
                await use()
            assert told.value.logged.startswith("session 1 cannot be read: ")
            assert "secret" not in told.value.logged
        await store(service, "one more", "sound")
    assert "secret" not in caplog.text


async def test_a_damaged_archived_memory_is_told_as_such(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/semvec.db"
    async with running(url) as service:
        await create(service, long_term_memories=1)
        for number in range(90):
            await store(service, f"memory {number}")
        first = content_hash("memory 0")
        await asyncio.to_thread(change, url, "UPDATE memories SET payload = x'00' WHERE id = 1")
        for use in (
            lambda: service.recall.memory(OWNER, "s", first),
            lambda: recall(service, "memory 0"),
            lambda: store(service, "memory 0"),
            lambda: service.transfers.export(OWNER, "s"),
        ):
            with pytest.raises(Damaged, match="session 's' cannot be read"):
                await use()
        await store(service, "something new")
