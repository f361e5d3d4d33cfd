"""The list of revoked tokens as servers hear of it."""

import asyncio

from sqlalchemy import text

from semvec.service.revoking import RevocationWatch
from semvec.store import Store
from semvec.store.revoked import revoke


async def test_a_list_that_went_back_is_read_again(database_url: str) -> None:
    """As after a failover: it has as many tokens as before, but others."""
    store = Store(database_url, shared=True)
    await store.open()
    watch = RevocationWatch(store)
    for number, jti in enumerate(("one", "two")):
        await asyncio.to_thread(revoke, database_url, jti, float(number))
    await watch.start()
    assert watch.revoked.ids == {"one", "two"}
    async with store.engine.begin() as connection:
        await connection.execute(text("DELETE FROM revoked_tokens WHERE jti = 'two'"))
    await asyncio.to_thread(revoke, database_url, "three", 5.0)
    async with asyncio.timeout(20):
        while watch.revoked.ids != {"one", "three"}:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    await watch.close()
    await store.close()
