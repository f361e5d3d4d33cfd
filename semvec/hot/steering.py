"""Events for many sessions at once, most of which need not be in memory."""

from collections.abc import Sequence
from contextlib import AsyncExitStack
from functools import partial

from semvec.hot.changed import Steered
from semvec.hot.copy import Hot
from semvec.hot.sessions import HotSessions
from semvec.store import Part, Refused, Store


class Steering:
    def __init__(self, hot: HotSessions, store: Store) -> None:
        self._hot, self._store = hot, store

    async def steer(self, steered: Sequence[Steered], *parts: Part) -> bool:
        """Make each event its session's next one, with `parts`, or nothing at all; False where any
        came too late. Copies in memory follow; other sessions stay where they are."""
        ordered = sorted(steered, key=lambda each: each.append.key)
        async with AsyncExitStack() as locks:
            copies = [self._hot.peek(each.name) for each in ordered]
            for hot in copies:
                if hot is not None:
                    await locks.enter_async_context(self._hot.units.locked(hot))
            done = False
            try:
                appends = (each.append for each in ordered)
                done = not isinstance(await self._store.together(*appends, *parts), Refused)
            finally:
                for each, hot in zip(ordered, copies, strict=True):
                    if hot is not None and hot.live:
                        self._follow(each, hot, done=done)
        for each in ordered if done else ():
            await self._hot.units.afterwards(partial(self._catch_loaded, each))
        return done

    def _follow(self, each: Steered, hot: Hot, *, done: bool) -> None:
        if done and (hot.key, hot.session.seq) == (each.append.key, each.append.seq):
            self._hot.apply(hot, each.event)
        else:
            self._hot.drop(hot)

    async def _catch_loaded(self, each: Steered) -> None:
        """Drop a copy that was loaded while its next event was being committed."""
        await self._hot.loaded(each.name)
        hot, append = self._hot.peek(each.name), each.append
        if hot is not None and hot.key == append.key and hot.session.seq < append.last_seq:
            self._hot.drop(hot)
