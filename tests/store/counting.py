"""How many rows the tables of sessions have."""

from sqlalchemy import func, select

from semvec.store import Store
from semvec.store.tables import metadata, probes, secrets

COUNTED = [table for table in metadata.sorted_tables if table not in (probes, secrets)]
"""All but those that a store fills by itself."""


async def rows(store: Store) -> dict[str, int]:
    async with store.engine.connect() as connection:
        return {
            table.name: await connection.scalar(select(func.count()).select_from(table)) or 0
            for table in COUNTED
        }
