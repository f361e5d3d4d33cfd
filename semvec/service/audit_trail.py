"""Audit rows that no change of a session writes: refused logins, interrupted requests, pruning."""

import asyncio
import logging
from contextlib import suppress
from dataclasses import replace

from semvec.audit.refusals import RefusedLoginLog
from semvec.clock import Clock
from semvec.errors import SemvecError, Unavailable
from semvec.store import AuditEntry, Store

log = logging.getLogger(__name__)

AUDIT_FLUSH_S = 0.5
"""Time for the last flush when the server stops."""
CUT_SHORT_S = 0.25
"""Time for the row of a cancelled request."""
DAY_S = 24 * 3600.0


class AuditTrail:
    def __init__(self, store: Store, clock: Clock, days: float | None) -> None:
        self._store, self._clock, self._days = store, clock, days
        self._refusals = RefusedLoginLog(clock)

    def refused(self, address: str) -> None:
        """Record a refused login."""
        self._refusals.record(address)

    async def broke_off(self, recorded: AuditEntry, error: BaseException) -> None:
        """Record that a request failed after it had committed some of its changes. The row of a
        cancelled request has a short timeout."""
        is_cut_short = isinstance(error, asyncio.CancelledError)
        status = error.status if isinstance(error, SemvecError) else 500
        if is_cut_short:
            status = Unavailable.status
        with suppress(SemvecError, TimeoutError):
            async with asyncio.timeout(CUT_SHORT_S if is_cut_short else None):
                await self._store.record(replace(recorded, at=self._clock(), status=status))

    async def sweep(self, *, closing: bool = False) -> None:
        """Write refused logins to the audit log, and remove rows past the retention time."""
        if entries := self._refusals.due(closing=closing):
            try:
                async with asyncio.timeout(AUDIT_FLUSH_S if closing else None):
                    await self._store.record(*entries)
            except (SemvecError, TimeoutError) as error:
                self._refusals.give_back(entries)
                log.warning("refused logins are not on record yet: %s", error)
        if self._days is not None and not closing:
            await self._prune(self._days)

    async def _prune(self, days: float) -> None:
        before = self._clock() - days * DAY_S
        try:
            if await self._store.expire_audit(before):
                details = f'{{"before":{before}}}'
                row = AuditEntry(self._clock(), "", "audit.prune", "audit", 200, details=details)
                await self._store.record(row)
        except SemvecError as error:
            log.warning("old rows of the audit log stay for now: %s", error)
