"""Locks on cached sessions, which a unit of work holds until it ends."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, suppress
from functools import partial
from types import TracebackType

from semvec.cache.cached_session import CachedSession, SessionName
from semvec.errors import SemvecError, Unavailable
from semvec.store import CreatedHeads, Store, UnitOfWork, current_unit_of_work

LOCK_TIMEOUT_S = 5.0
"""Lock timeout in seconds of a unit of work that already holds another lock (avoids deadlock)."""


class UnitLock:
    """Acquire a session's lock for a unit of work, unless the unit holds it already.

    The lock is released when the unit ends, after `let_go` was called with whether the unit was
    committed.
    """

    def __init__(
        self, unit: UnitOfWork, hot: CachedSession, let_go: Callable[[CachedSession, bool], None]
    ) -> None:
        self._unit, self._hot, self._let_go = unit, hot, let_go

    async def __aenter__(self) -> None:
        if self._hot.lock_owner is self._unit:
            return
        try:
            async with asyncio.timeout(LOCK_TIMEOUT_S if self._unit.holds_locks else None):
                await self._hot.lock.acquire()
        except TimeoutError as error:
            raise Unavailable("others are changing the same sessions: try again") from error
        self._hot.lock_owner, self._unit.holds_locks = self._unit, True
        self._unit.on_end(self._end)

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        pass

    async def _end(self, made: CreatedHeads | None) -> None:
        self._hot.lock_owner = None
        try:
            self._let_go(self._hot, made is not None)
        finally:
            self._hot.lock.release()


class LockManager:
    """Lock cached sessions and track those that a unit of work creates.

    `keep` puts a session into the cache, `drop` evicts one, `advanced` starts the upkeep of one
    that has changed.
    """

    def __init__(
        self,
        store: Store,
        *,
        keep: Callable[[CachedSession], CachedSession],
        drop: Callable[[CachedSession], None],
        advanced: Callable[[CachedSession], None],
    ) -> None:
        self._store = store
        self._keep, self._drop, self._advanced = keep, drop, advanced
        self._made: dict[tuple[UnitOfWork, SessionName], CachedSession] = {}

    def lock(self, hot: CachedSession) -> AbstractAsyncContextManager[None]:
        """Return the session's lock. A unit of work acquires it once and holds it until its end."""
        unit = current_unit_of_work()
        return hot.lock if unit is None else UnitLock(unit, hot, self._release)

    def register_new(self, hot: CachedSession) -> None:
        """Register a new session. One that a unit of work creates enters the cache when the unit
        commits."""
        if (unit := current_unit_of_work()) is None:
            self._keep(hot)
            return
        hot.owner = hot.lock_owner = unit
        self._made[unit, hot.name] = hot
        unit.on_end(partial(self._keep_created, unit, hot))

    def created(self, name: SessionName) -> CachedSession | None:
        """Return the session of this name that the current unit of work has created."""
        unit = current_unit_of_work()
        return None if unit is None else self._made.get((unit, name))

    async def after_commit(self, act: Callable[[], Awaitable[None]]) -> None:
        """Run `act` now, or after the end of the current unit of work, when its writes are
        committed."""
        if (unit := current_unit_of_work()) is None:
            await act()
        else:
            unit.after_end(lambda _: act())

    def discard_if_lost(self, content: int) -> None:
        """Discard the staged rows of an import if the current unit of work rolls back."""
        if (unit := current_unit_of_work()) is not None:
            unit.after_end(partial(self._discard, content))

    async def _discard(self, content: int, made: CreatedHeads | None) -> None:
        if made is None:
            with suppress(SemvecError):  # the sweep tries again
                await self._store.discard(content)

    async def _keep_created(
        self, unit: UnitOfWork, hot: CachedSession, made: CreatedHeads | None
    ) -> None:
        del self._made[unit, hot.name]
        if made is not None:
            hot.key, hot.owner, hot.lock_owner = made[-hot.key - 1].key, None, None
            self._keep(hot)

    def _release(self, hot: CachedSession, committed: bool) -> None:
        """Publish the changes that a unit of work made to a session, or evict the session if they
        were not committed."""
        if hot.owner is None:
            return
        if committed:
            hot.owner = None
            self._advanced(hot)
        else:
            self._drop(hot)
