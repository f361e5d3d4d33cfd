"""The audit log of one database."""

import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from operator import attrgetter
from typing import Any

import orjson

from semvec.audit.verify import ELSEWHERE, ChainInspection, ChainReport, named_by
from semvec.clock import Clock
from semvec.opaque import Opaque
from semvec.paging import Page, page_of
from semvec.store import AuditEntry, AuditFilter, ChainLink, RecordedEntry, Store

LIST = "audit"


@dataclass(frozen=True, slots=True)
class AuditEvent:
    """One recorded change."""

    id: int
    """Number of the row. It does not reveal the number or the order of rows."""
    timestamp: float
    """Time in seconds since 1970."""
    action: str
    """Operation, by its `operationId`."""
    resource: str
    """Resource that it changed, such as `session/abc`."""
    status: int
    """HTTP status of the answer."""
    request_id: str
    """`X-Request-ID` of the request."""
    hash: str
    """Hash over this row and the previous one in its chain, in hexadecimal."""
    client_ip: str | None
    """Client address of the request; null if unknown."""
    details: dict[str, Any]
    """Further details, if any."""


class AuditLog:
    def __init__(self, store: Store, clock: Clock = time.time) -> None:
        self._store, self._clock = store, clock

    async def write(
        self,
        action: str,
        resource: str,
        *,
        subject: str = "",
        status: int = 200,
        request_id: str = "",
        client_ip: str | None = None,
        details: dict[str, Any] | None = None,
    ) -> None:
        """Write an audit entry; it is committed on return. Raise Unavailable."""
        entry = AuditEntry(
            at=self._clock(),
            subject=subject,
            action=action,
            resource=resource,
            status=status,
            request_id=request_id,
            client_ip=client_ip,
            details=orjson.dumps(details).decode() if details else "",
        )
        await self._store.record(entry)

    async def query(
        self,
        *,
        subject: str | None = None,
        action: str | None = None,
        resource: str | None = None,
        since: float | None = None,
        until: float | None = None,
        limit: int = 100,
        cursor: str | None = None,
    ) -> Page[AuditEvent]:
        """Return entries, newest first; a filter of None matches all. Raise Malformed for an
        invalid cursor."""
        opaque = self._store.opaque
        before = opaque.position(cursor, LIST, subject or "") if cursor is not None else None
        wanted = AuditFilter(subject, action, resource, since, until)
        rows = await self._store.entries(wanted, limit=limit + 1, before=before)
        total = await self._store.count_entries(wanted)
        cursors = partial(opaque.cursor, list=LIST, owner=subject or "")
        return page_of(rows, limit, partial(event_of, opaque), attrgetter("id"), total, cursors)

    async def verify(self, ends: Iterable[ChainLink] = ()) -> ChainReport:
        """Check that all rows are unchanged and present, including those in `ends`."""
        async with self._store.open_audit_reader() as trail:
            known = [named for row in await trail.openings() for named in named_by(row)]
            known += ((ELSEWHERE, end) for end in ends)
            inspection = ChainInspection(trail.begins, known)
            async for page in trail.pages():
                inspection.see(page)
        return inspection.report()


@asynccontextmanager
async def audit_log(database_url: str) -> AsyncIterator[AuditLog]:
    """Open the audit log of a database, which no server may hold exclusively (as a running one does
    on SQLite).

    Raise StoreError.
    """
    store = Store(database_url)
    await store.open()
    try:
        yield AuditLog(store)
    finally:
        await store.close()


def event_of(opaque: Opaque, row: RecordedEntry) -> AuditEvent:
    entry = row.entry
    return AuditEvent(
        id=opaque.number(row.id),
        timestamp=entry.at,
        action=entry.action,
        resource=entry.resource,
        status=entry.status,
        request_id=entry.request_id,
        hash=row.hash.hex(),
        client_ip=entry.client_ip,
        details=orjson.loads(entry.details) if entry.details else {},
    )
