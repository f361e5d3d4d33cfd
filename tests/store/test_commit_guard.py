"""A COMMIT that takes long, or is answered with a warning, on a real PostgreSQL."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest

from semvec.errors import Unavailable
from semvec.store import AnswerRow, Store, commit_guard, transactions

SLOW = """
CREATE TABLE slow (seconds DOUBLE PRECISION);
CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN PERFORM pg_sleep((SELECT max(seconds) FROM slow)); RETURN NULL; END $$;
CREATE CONSTRAINT TRIGGER at_commit AFTER INSERT ON events
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION wait();
"""
WARNING = """
CREATE FUNCTION warn() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE WARNING 'the change is committed, but on no standby'; RETURN NULL; END $$;
CREATE CONSTRAINT TRIGGER at_commit AFTER INSERT ON events
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION warn();
"""
REFUSED = """
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION SQLSTATE '40001'; END $$;
CREATE CONSTRAINT TRIGGER at_commit AFTER INSERT ON events
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION refuse();
"""


@pytest.fixture
async def admin(postgres_url: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(postgres_url)
    yield connection
    await connection.close()


@pytest.fixture
async def store(postgres_url: str) -> AsyncIterator[Store]:
    store = Store(postgres_url)
    await store.open()
    yield store
    await store.close()


async def refusal(store: Store, session_id: str) -> Unavailable:
    with pytest.raises(Unavailable) as raised:
        await store.create("o", session_id, 0.0, b"created")
    return raised.value


async def test_a_commit_that_takes_too_long_is_left_alone(
    store: Store, admin: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commit_guard, "COMMIT_S", 0.3)
    await admin.execute(SLOW)
    await admin.execute("INSERT INTO slow VALUES (1.5)")
    refused = await refusal(store, "slow")
    assert refused.outcome == "unknown"
    assert "no answer to COMMIT" in refused.reason
    assert await store.head("o", "slow") is None
    await admin.execute("DELETE FROM slow")
    async with asyncio.timeout(10):
        while await store.head("o", "slow") is None:  # noqa: ASYNC110
            await asyncio.sleep(0.05)


async def test_a_commit_with_a_warning_is_not_confirmed(
    store: Store, admin: asyncpg.Connection
) -> None:
    await admin.execute(WARNING)
    refused = await refusal(store, "warned")
    assert refused.outcome == "unknown"
    assert refused.reason == "the change is committed, but on no standby"
    assert await store.head("o", "warned") is not None


async def test_a_commit_that_is_undone_has_written_nothing(
    store: Store, admin: asyncpg.Connection
) -> None:
    await admin.execute(REFUSED)
    assert (await refusal(store, "undone")).outcome == "not_written"
    assert await store.head("o", "undone") is None


async def test_after_an_unknown_outcome_a_read_waits_for_a_commit(
    store: Store, admin: asyncpg.Connection
) -> None:
    await admin.execute(WARNING)
    await refusal(store, "warned")
    with pytest.MonkeyPatch.context() as impatient:
        impatient.setattr(transactions, "CONFIRM_S", 0.0)
        with pytest.raises(Unavailable, match="storage cannot confirm its last changes"):
            await store.head("o", "warned")
        assert (await refusal(store, "other")).outcome == "not_written"
        assert await store.revoked(None) is not None
    assert await store.head("o", "warned") is not None
    with pytest.MonkeyPatch.context() as impatient:
        impatient.setattr(transactions, "CONFIRM_S", 0.0)
        assert await store.head("o", "warned") is not None
        assert await store.head("o", "other") is None
    await admin.execute("DROP TRIGGER at_commit ON events")
    assert await store.create("o", "other", 0.0, b"created") is not None


async def test_what_another_server_answered_is_confirmed_before_it_is_told_again(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = AnswerRow(b"scope", "ada", "s", b"digest", 100.0, 50.0, 200, b"{}")
    assert await store.transact(answer) == ()
    monkeypatch.setattr(transactions, "CONFIRM_S", 0.0)
    assert await store.stored_answer(b"another", 0.0) is None
    with pytest.raises(Unavailable) as raised:
        await store.stored_answer(b"scope", 0.0)
    assert raised.value.outcome == "unknown"
    monkeypatch.undo()
    kept = await store.stored_answer(b"scope", 0.0)
    assert kept is not None
    assert kept.body == b"{}"
