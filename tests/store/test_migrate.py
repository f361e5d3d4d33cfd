"""A database of every age opens, or says why not."""

import asyncio

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import text

from semvec.store import Store, StoreError
from semvec.store.tables import metadata


async def test_migrations_make_the_declared_schema(store: Store) -> None:
    async with store.engine.connect() as connection:
        differences = await connection.run_sync(
            lambda conn: compare_metadata(MigrationContext.configure(conn), metadata)
        )
    assert differences == []


async def test_reopening_keeps_everything(database_url: str) -> None:
    for n in range(3):
        store = Store(database_url)
        await store.open()
        assert await store.count("o") == n
        await store.create("o", f"s{n}", 0.0, b"created")
        await store.close()


async def test_a_newer_database_is_refused(database_url: str) -> None:
    store = Store(database_url)
    await store.open()
    async with store.engine.begin() as connection:
        await connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    await store.close()
    with pytest.raises(StoreError, match=r"newer semvec \(its schema is 9999, this"):
        await Store(database_url).open()


async def test_servers_may_start_at_once(database_url: str) -> None:
    stores = [Store(database_url, shared=True) for _ in range(4)]
    await asyncio.gather(*(store.open() for store in stores))
    made = await asyncio.gather(
        *(store.create("o", f"s{n}", 0.0, b"created") for n, store in enumerate(stores))
    )
    assert len({head.key for head in made if head}) == 4
    for store in stores:
        await store.close()
