"""Copies that a unit changes: its alone until it has ended."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, suppress
from functools import partial
from types import TracebackType

from semvec.cache.cached_session import CachedSession, SessionName
from semvec.errors import SemvecError, Unavailable
from semvec.store import CreatedHeads, Store, UnitOfWork, current_unit_of_work

LOCK_TIMEOUT_S = 5.0
"""How long a unit waits for one more copy while it has others, which somebody may want who has
that one."""


class UnitLock:
    """Takes a copy's lock for a unit that does not have it yet; only the unit's end gives it back,
    after `let_go` has been told whether what the unit did to the copy is committed."""

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
    """`keep` takes a copy in, `drop` lets go of one, `advanced` looks after one that changed."""

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
        """The copy's lock; a unit that takes it has it to the end, however often it asks."""
        unit = current_unit_of_work()
        return hot.lock if unit is None else UnitLock(unit, hot, self._release)

    def register_new(self, hot: CachedSession) -> None:
        """A copy of a session that is new; one that a unit makes is the unit's for now."""
        if (unit := current_unit_of_work()) is None:
            self._keep(hot)
            return
        hot.owner = hot.lock_owner = unit
        self._made[unit, hot.name] = hot
        unit.on_end(partial(self._keep_created, unit, hot))

    def created(self, name: SessionName) -> CachedSession | None:
        """The copy of a session that the unit at work makes."""
        unit = current_unit_of_work()
        return None if unit is None else self._made.get((unit, name))

    async def after_commit(self, act: Callable[[], Awaitable[None]]) -> None:
        """Do this now, or when the unit at work has ended: what it writes is written then."""
        if (unit := current_unit_of_work()) is None:
            await act()
        else:
            unit.after_end(lambda _: act())

    def discard_if_lost(self, content: int) -> None:
        """Have what an import has staged discarded if the unit at work comes to nothing."""
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
        """Where what a unit did to the copy is not committed, nobody else may ever see it."""
        if hot.owner is None:
            return
        if committed:
            hot.owner = None
            self._advanced(hot)
        else:
            self._drop(hot)
