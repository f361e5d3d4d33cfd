"""Read the whole audit log in pages, from one snapshot of the database."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection

from semvec.store import audit
from semvec.store.audit import ChainLink, RecordedEntry
from semvec.store.transactions import map_storage_errors

AUDIT_PAGE = 1000


@dataclass(frozen=True, slots=True)
class AuditReader:
    """A consistent view of the audit log. `begins` are the links before the first rows that chains
    still have."""

    begins: list[ChainLink]
    connection: AsyncConnection

    async def openings(self) -> list[RecordedEntry]:
        """Return the first row of each chain that still has it."""
        with map_storage_errors("read"):
            return await self.connection.run_sync(audit.openings)

    async def pages(self) -> AsyncIterator[list[RecordedEntry]]:
        """Yield all rows in pages, oldest first."""
        after = 0
        while True:
            with map_storage_errors("read"):
                page = await self.connection.run_sync(audit.following, after, AUDIT_PAGE)
            if not page:
                return
            yield page
            after = page[-1].id
