"""Events for many sessions at once, most of which need not be in memory."""

from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial

from semvec.hot.changed import Steered
from semvec.hot.copy import Hot, Name
from semvec.hot.sessions import HotSessions
from semvec.persistence import Next, append_of
from semvec.store import Append, Part, Store


@dataclass(frozen=True, slots=True)
class Write:
    """`hot` is the copy that the event was decided on, if it was decided on one."""

    name: Name
    append: Append
    hot: Hot | None
    event: Next | None


class Steering:
    def __init__(self, hot: HotSessions, store: Store) -> None:
        self._hot, self._store = hot, store

    async def steer(self, steered: Sequence[Steered], *parts: Part) -> bool:
        """Make each event its session's next one, with `parts`, or nothing at all; False where any
        came too late. Copies in memory follow; other sessions stay where they are."""
        ordered = sorted(steered, key=lambda each: each.key)
        async with AsyncExitStack() as locks:
            copies = [self._hot.residents.peek(each.name) for each in ordered]
            for hot in copies:
                if hot is not None:
                    await locks.enter_async_context(self._hot.units.locked(hot))
            writes = [
                write
                for each, hot in zip(ordered, copies, strict=True)
                if (write := _write(each, hot)) is not None
            ]
            if len(writes) < len(steered):
                return False
            done = False
            try:
                appends = (write.append for write in writes)
                done = await self._store.did(*appends, *parts)
            finally:
                for write in writes:
                    self._follow(write, done=done)
        for write in writes if done else ():
            await self._hot.units.afterwards(partial(self._catch_loaded, write))
        return done

    def _follow(self, write: Write, *, done: bool) -> None:
        """Apply what is committed; where it is not, or nobody can tell, no copy stays."""
        if write.hot is None or write.event is None:
            return
        if done:
            self._hot.apply(write.hot, write.event, write.append)
        else:
            self._hot.residents.drop(write.hot)

    async def _catch_loaded(self, write: Write) -> None:
        """Drop a copy that was loaded while its next event was being committed, and have a load
        that is not done read again."""
        self._hot.outdate(write.name)
        hot = self._hot.residents.peek(write.name)
        if hot is None or hot.key != write.append.key:
            return
        if hot.session.seq < write.append.last_seq:
            self._hot.residents.drop(hot)


def _write(each: Steered, hot: Hot | None) -> Write | None:
    """None where the session would have to be in memory, and is not."""
    if hot is not None and hot.live and hot.key == each.key:
        event = each.decide(hot.session)
        return Write(each.name, append_of(hot.key, hot.session, hot.line, event), hot, event)
    return None if each.blind is None else Write(each.name, each.blind, None, None)
