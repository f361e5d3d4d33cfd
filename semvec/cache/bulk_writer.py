"""Write events of many sessions at once, most of which need not be in memory."""

from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial

from semvec.cache.cached_session import CachedSession, SessionName
from semvec.cache.change_result import StateMove
from semvec.cache.session_cache import SessionCache
from semvec.persistence import NextEvent, append_of
from semvec.store import Append, Operation, Store


@dataclass(frozen=True, slots=True)
class PlannedWrite:
    """One event's write. `hot` is the cached session that the event was decided on, if any."""

    name: SessionName
    append: Append
    hot: CachedSession | None
    event: NextEvent | None


class BulkWriter:
    def __init__(self, hot: SessionCache, store: Store) -> None:
        self._hot, self._store = hot, store

    async def write_all(self, steered: Sequence[StateMove], *parts: Operation) -> bool:
        """Append each event to its session, with `parts`, in one transaction.

        Return False on a conflict: then nothing is written. Cached sessions are updated; other
        sessions are not loaded.
        """
        ordered = sorted(steered, key=lambda each: each.key)
        async with AsyncExitStack() as locks:
            copies = [self._hot.copies.get(each.name) for each in ordered]
            for hot in copies:
                if hot is not None:
                    await locks.enter_async_context(self._hot.locks.lock(hot))
            writes = [
                write
                for each, hot in zip(ordered, copies, strict=True)
                if (write := _plan_write(each, hot)) is not None
            ]
            if len(writes) < len(steered):
                return False
            done = False
            try:
                appends = (write.append for write in writes)
                done = await self._store.try_transact(*appends, *parts)
            finally:
                for write in writes:
                    self._follow(write, done=done)
        for write in writes if done else ():
            await self._hot.locks.after_commit(partial(self._catch_loaded, write))
        return done

    def _follow(self, write: PlannedWrite, *, done: bool) -> None:
        """Apply the committed event; evict the cached session if the commit failed or its outcome
        is unknown."""
        if write.hot is None or write.event is None:
            return
        if done:
            self._hot.apply(write.hot, write.event, write.append)
        else:
            self._hot.copies.evict(write.hot)

    async def _catch_loaded(self, write: PlannedWrite) -> None:
        """Evict a cached session that was loaded while this event was being committed, and repeat a
        load that is still running."""
        self._hot.outdate(write.name)
        hot = self._hot.copies.get(write.name)
        if hot is None or hot.key != write.append.key:
            return
        if hot.session.seq < write.append.last_seq:
            self._hot.copies.evict(hot)


def _plan_write(each: StateMove, hot: CachedSession | None) -> PlannedWrite | None:
    """Return the write, or None if it needs a cached session and there is none."""
    if hot is not None and hot.is_live and hot.key == each.key:
        event = each.decide(hot.session)
        return PlannedWrite(each.name, append_of(hot.key, hot.session, hot.line, event), hot, event)
    return None if each.blind is None else PlannedWrite(each.name, each.blind, None, None)
