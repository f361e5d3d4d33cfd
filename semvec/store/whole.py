"""One session with its archive, all as of one moment."""

from collections.abc import AsyncIterator

from sqlalchemy.ext.asyncio import AsyncConnection

from semvec.request_task import uncancelled
from semvec.store import reads
from semvec.store.records import MemoryRow, Stored
from semvec.store.transactions import refused_as

PAGE = 256
"""Archived memories that are read at once."""


class Whole:
    """`stored` is what rebuilds the session; good while the reading transaction is open."""

    def __init__(self, stored: Stored, connection: AsyncConnection) -> None:
        self.stored, self._connection = stored, connection

    def shows(self, key: int, seq: int, line: bytes | None) -> bool:
        """Whether this is the session of that key, as of that event on that line."""
        head = self.stored.head
        return (head.key, head.seq, head.line) == (key, seq, line)

    async def archive(self) -> AsyncIterator[list[MemoryRow]]:
        """Archived memories by ascending id, in pages."""
        after, full = 0, True
        while full:
            with refused_as("read"), uncancelled():
                page = await self._connection.run_sync(
                    reads.archive, self.stored.head.key, after, PAGE
                )
            if page:
                yield page
                after = page[-1].id
            full = len(page) == PAGE
