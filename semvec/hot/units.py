"""Copies that a unit changes: its alone until it has ended."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, suppress
from functools import partial
from types import TracebackType

from semvec.errors import SemvecError, Unavailable
from semvec.hot.copy import Hot, Name
from semvec.store import Made, Store, Unit, unit_at_work

WAIT_S = 5.0
"""How long a unit waits for one more copy while it has others, which somebody may want who has
that one."""


class Holding:
    """Takes a copy's lock for a unit that does not have it yet; only the unit's end gives it back,
    after `let_go` has been told whether what the unit did to the copy is committed."""

    def __init__(self, unit: Unit, hot: Hot, let_go: Callable[[Hot, bool], None]) -> None:
        self._unit, self._hot, self._let_go = unit, hot, let_go

    async def __aenter__(self) -> None:
        if self._hot.holder is self._unit:
            return
        try:
            async with asyncio.timeout(WAIT_S if self._unit.holds else None):
                await self._hot.lock.acquire()
        except TimeoutError as error:
            raise Unavailable("others are changing the same sessions: try again") from error
        self._hot.holder, self._unit.holds = self._unit, True
        self._unit.at_end(self._end)

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        pass

    async def _end(self, made: Made | None) -> None:
        self._hot.holder = None
        try:
            self._let_go(self._hot, made is not None)
        finally:
            self._hot.lock.release()


class Units:
    """`keep` takes a copy in, `drop` lets go of one, `advanced` looks after one that changed."""

    def __init__(
        self,
        store: Store,
        *,
        keep: Callable[[Hot], Hot],
        drop: Callable[[Hot], None],
        advanced: Callable[[Hot], None],
    ) -> None:
        self._store = store
        self._keep, self._drop, self._advanced = keep, drop, advanced
        self._made: dict[tuple[Unit, Name], Hot] = {}

    def locked(self, hot: Hot) -> AbstractAsyncContextManager[None]:
        """The copy's lock; a unit that takes it has it to the end, however often it asks."""
        unit = unit_at_work()
        return hot.lock if unit is None else Holding(unit, hot, self._let_go)

    def take_in(self, hot: Hot) -> None:
        """A copy of a session that is new; one that a unit makes is the unit's for now."""
        if (unit := unit_at_work()) is None:
            self._keep(hot)
            return
        hot.unit = hot.holder = unit
        self._made[unit, hot.name] = hot
        unit.at_end(partial(self._keep_made, unit, hot))

    def made(self, name: Name) -> Hot | None:
        """The copy of a session that the unit at work makes."""
        unit = unit_at_work()
        return None if unit is None else self._made.get((unit, name))

    async def afterwards(self, act: Callable[[], Awaitable[None]]) -> None:
        """Do this now, or when the unit at work has ended: what it writes is written then."""
        if (unit := unit_at_work()) is None:
            await act()
        else:
            unit.afterwards(lambda _: act())

    def discard_if_lost(self, content: int) -> None:
        """Have what an import has staged discarded if the unit at work comes to nothing."""
        if (unit := unit_at_work()) is not None:
            unit.afterwards(partial(self._discard, content))

    async def _discard(self, content: int, made: Made | None) -> None:
        if made is None:
            with suppress(SemvecError):  # the sweep tries again
                await self._store.discard(content)

    async def _keep_made(self, unit: Unit, hot: Hot, made: Made | None) -> None:
        del self._made[unit, hot.name]
        if made is not None:
            hot.key, hot.unit, hot.holder = made[-hot.key - 1].key, None, None
            self._keep(hot)

    def _let_go(self, hot: Hot, committed: bool) -> None:
        """Where what a unit did to the copy is not committed, nobody else may ever see it."""
        if hot.unit is None:
            return
        if committed:
            hot.unit = None
            self._advanced(hot)
        else:
            self._drop(hot)
