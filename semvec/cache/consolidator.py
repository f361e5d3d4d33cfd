"""Background consolidation: one session at a time, with the matrix products on a thread."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from semvec.cache.cached_session import CachedSession
from semvec.clock import Clock
from semvec.errors import SemvecError
from semvec.session.consolidation import batch_of, consolidated, due, findings
from semvec.session.events import Consolidated

log = logging.getLogger(__name__)

CommitConsolidation = Callable[[CachedSession, Consolidated], Awaitable[bool]]


class Consolidator:
    """Consolidate sessions. `commit` appends an event to the session and returns False on a
    conflict; it needs the session's lock."""

    def __init__(self, commit: CommitConsolidation, clock: Clock) -> None:
        self._commit, self._clock = commit, clock
        self._turn = asyncio.Lock()
        self._waiting: set[int] = set()

    def is_due(self, hot: CachedSession) -> bool:
        """Whether a session has something to consolidate and no task is consolidating it."""
        return hot.is_live and hot.key not in self._waiting and due(hot.session.memories)

    async def run(self, hot: CachedSession) -> None:
        """Consolidate until nothing is due; on failure the session stays as it was."""
        self._waiting.add(hot.key)
        try:
            async with self._turn:
                while await self._batch(hot):
                    pass
        except SemvecError as error:
            log.warning("session %d is not consolidated: %s", hot.key, error)
        except Exception:
            log.exception("session %d is not consolidated", hot.key)
        finally:
            self._waiting.discard(hot.key)

    async def _batch(self, hot: CachedSession) -> bool:
        """Consolidate one batch. Return False if nothing was due or the commit conflicted.

        The lock is held while vectors are copied and while the event is committed, not while
        vectors are compared.
        """
        async with hot.lock:
            if not (hot.is_live and due(hot.session.memories)):
                return False
            memories = hot.session.memories
            batch = await asyncio.to_thread(batch_of, memories)
        found = await asyncio.to_thread(findings, batch)
        async with hot.lock:
            event = consolidated(memories, found, self._clock()) if hot.is_live else None
            return event is not None and await self._commit(hot, event)
