"""The list of revoked tokens, of a database that may become another."""

import asyncio

import pytest
from sqlalchemy import text

from semvec.service.revocation_watch import RevocationWatch
from semvec.store import Store, revoked


async def revoke(store: Store, *ids: str) -> None:
    async with store.engine.begin() as connection:
        for place, jti in enumerate(ids):
            await connection.run_sync(revoked.add, jti, 1000.0 + place)


async def test_a_list_of_the_same_length_is_another(
    database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("WARNING")
    store = Store(database_url, shared=True)
    await store.open()
    await revoke(store, "a", "b")
    watch = RevocationWatch(store)
    await watch.start()
    assert watch.revoked.ids == {"a", "b"}
    async with store.engine.begin() as connection:
        await connection.execute(text("DELETE FROM revoked_tokens WHERE jti = 'b'"))
        await connection.run_sync(revoked.add, "c", 1002.0)
    async with asyncio.timeout(10):
        while "c" not in watch.revoked.ids:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    assert watch.revoked.ids == {"a", "b", "c"}
    assert "no longer lists 1 revoked tokens" in caplog.text
    assert "revoke them again: b" in caplog.text
    await watch.close()
    await store.close()
