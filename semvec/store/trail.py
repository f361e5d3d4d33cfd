"""The whole audit log, page by page, as of one moment."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection

from semvec.store import audit
from semvec.store.audit import Link, Recorded
from semvec.store.transactions import refused_as

PAGE = 1000


@dataclass(frozen=True, slots=True)
class Trail:
    """`begins` are the links before the first rows that chains still have."""

    begins: list[Link]
    connection: AsyncConnection

    async def openings(self) -> list[Recorded]:
        """The first rows of all chains that still have theirs."""
        with refused_as("read"):
            return await self.connection.run_sync(audit.openings)

    async def pages(self) -> AsyncIterator[list[Recorded]]:
        """All rows, oldest first."""
        after = 0
        while True:
            with refused_as("read"):
                page = await self.connection.run_sync(audit.following, after, PAGE)
            if not page:
                return
            yield page
            after = page[-1].id
