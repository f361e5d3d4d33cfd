"""Read one session with its archive, as of one moment."""

from collections.abc import AsyncIterator

from sqlalchemy.ext.asyncio import AsyncConnection

from semvec.request_task import uncancelled
from semvec.store import reads
from semvec.store.records import MemoryRow, StoredSession
from semvec.store.transactions import map_storage_errors

ARCHIVE_PAGE = 256
"""Archived memories in one page."""


class SessionSnapshotReader:
    """A consistent view of one session, valid while the transaction is open. `stored` rebuilds the
    session."""

    def __init__(self, stored: StoredSession, connection: AsyncConnection) -> None:
        self.stored, self._connection = stored, connection

    def shows(self, key: int, seq: int, line: bytes | None) -> bool:
        """Whether this is the session of that key, as of that event on that line."""
        head = self.stored.head
        return (head.key, head.seq, head.line) == (key, seq, line)

    async def archive(self) -> AsyncIterator[list[MemoryRow]]:
        """Yield archived memories by ascending id, in pages."""
        after, full = 0, True
        while full:
            with map_storage_errors("read"), uncancelled():
                page = await self._connection.run_sync(
                    reads.archive, self.stored.head.key, after, ARCHIVE_PAGE
                )
            if page:
                yield page
                after = page[-1].id
            full = len(page) == ARCHIVE_PAGE
