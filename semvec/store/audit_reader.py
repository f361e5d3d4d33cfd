"""The whole audit log, page by page, as of one moment."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection

from semvec.store import audit
from semvec.store.audit import ChainLink, RecordedEntry
from semvec.store.transactions import map_storage_errors

AUDIT_PAGE = 1000


@dataclass(frozen=True, slots=True)
class AuditReader:
    """`begins` are the links before the first rows that chains still have."""

    begins: list[ChainLink]
    connection: AsyncConnection

    async def openings(self) -> list[RecordedEntry]:
        """The first rows of all chains that still have theirs."""
        with map_storage_errors("read"):
            return await self.connection.run_sync(audit.openings)

    async def pages(self) -> AsyncIterator[list[RecordedEntry]]:
        """All rows, oldest first."""
        after = 0
        while True:
            with map_storage_errors("read"):
                page = await self.connection.run_sync(audit.following, after, AUDIT_PAGE)
            if not page:
                return
            yield page
            after = page[-1].id
