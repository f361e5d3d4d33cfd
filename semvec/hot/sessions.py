"""The hot sessions of this process: loaded on demand, changed through the journal, evicted."""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Coroutine
from contextvars import Context
from itertools import islice
from types import MappingProxyType
from typing import TypeVar

from semvec.clock import Clock
from semvec.errors import Conflict, NotFound, SemvecError, Unavailable
from semvec.hot.consolidating import Consolidating
from semvec.hot.copy import Hot, Name
from semvec.hot.deciding import Changed, Deciding
from semvec.hot.effect import EFFECT, Effect
from semvec.hot.unit import Unit, Units
from semvec.persistence import (
    append_of,
    mean_bytes,
    rebuilt,
    replay,
    saved_with,
    snapshot_of,
)
from semvec.session.events import (
    Consolidated,
    Created,
    Turn,
    encode_event,
)
from semvec.session.plan import Plan
from semvec.session.session import Session
from semvec.session.turn import plan_turn
from semvec.store import Entry, Kind, Replace, Store, Stored

log = logging.getLogger(__name__)

T = TypeVar("T")

ATTEMPTS = 100
"""Conflicts with other processes that one change survives; each means that another one advanced."""
TOGETHER = 64
"""Sessions that leave at once on shutdown, so that their snapshots share commits."""
CLOSING_S = 2.5
"""What shutdown may spend on snapshots; the journal has everything anyway."""
OWNED = MappingProxyType({Kind.BACKING: "cluster", Kind.META: "region"})
"""What sessions that are not plain stand behind."""


class HotSessions:
    """Every change goes through `change`, every look through `get`.

    A hot copy is always a prefix of the journal: it is changed only by events that are committed.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        *,
        max_sessions: int,
        memory_bytes: int,
        idle_ttl_s: float,
    ) -> None:
        self._store, self._clock = store, clock
        self._max_sessions, self._memory_bytes = max_sessions, memory_bytes
        self._idle_ttl_s = idle_ttl_s
        self._hot: OrderedDict[Name, Hot] = OrderedDict()
        self._loading: dict[Name, asyncio.Task[Hot]] = {}
        self._background: set[asyncio.Task[None]] = set()
        self._consolidating = Consolidating(self._commit, clock)
        self._nbytes = 0
        self.deciding = Deciding(store, clock)
        self.units = Units(
            store,
            clock,
            keep=self._keep,
            drop=self._drop,
            forget=self._forget,
            advanced=self._advanced,
        )

    def __len__(self) -> int:
        return len(self._hot)

    def is_resident(self, name: Name, key: int) -> bool:
        hot = self._hot.get(name)
        return hot is not None and hot.key == key

    async def add(self, name: Name, created: Created) -> bool:
        """Create a session; False where this owner has one of this name."""
        effect = EFFECT.get()
        if isinstance(effect, Unit):
            return await self.units.make(effect, name, created)
        session, entry = Session(created), self._entry(effect, name)
        head = await self._store.create(
            *name,
            created.at,
            encode_event(created),
            dimension=created.profile.dimension,
            mean=mean_bytes(session.state.mean),
            entry=entry,
        )
        if head is None:
            return False
        if effect is not None:
            effect.record(entry)
        self._keep(Hot(name, head.key, session, self._clock()))
        return True

    async def get(self, name: Name) -> Hot:
        """The session as committed by now, by whichever process. Raises NotFound."""
        while True:
            hot = await self._resident(name)
            if not self._store.shared or hot.unit is not None or await self._is_current(hot):
                return hot

    async def settled(self, hot: Hot) -> Hot:
        """The copy, or a newer one, when all that it shows is committed: for whoever has awaited
        something since `get`. Raises NotFound."""
        return await self._resident(hot.name) if hot.ahead else hot

    async def change(self, hot: Hot, plan: Callable[[Session], Plan]) -> Changed:
        """Decide an event on the session as it is, commit it, apply it.

        It is planned again when another process was faster. Raises NotFound, Unavailable.
        """
        effect = EFFECT.get()
        if isinstance(effect, Unit):
            return await self._change_within(effect, hot, plan)
        for _ in range(ATTEMPTS):
            async with hot.lock:
                if hot.live:
                    changed = await self._attempt(hot, plan(hot.session), effect)
                    if changed is not None:
                        return changed
                    await self._catch_up(hot)
            if not hot.live:
                hot = await self._successor(hot)
        raise Unavailable("too many writers on this session at once")

    async def delete(self, name: Name) -> None:
        """Erase a session; raises Conflict for one that stands behind something else."""
        head = await self._store.head(*name)
        if head is None:
            raise session_not_found(name[1])
        if head.kind != Kind.PLAIN:
            raise Conflict(
                f"session {name[1]!r} goes with the {OWNED[Kind(head.kind)]} it stands behind"
            )
        effect = EFFECT.get()
        entry = self._entry(effect, name)
        await self._supersede(name, head.key, self._store.delete(head.key, entry))
        if effect is not None:
            effect.record(entry)

    async def replace(self, name: Name, replace: Replace) -> None:
        """Put what was imported in the place of a session's contents. Raises NotFound."""
        effect = EFFECT.get()
        if isinstance(effect, Unit):
            effect.replace(name, replace)
            return
        entry = self._entry(effect, name)
        await self._supersede(name, replace.key, self._store.replace(replace, entry))
        if effect is not None:
            effect.record(entry)

    def sweep(self) -> None:
        """Start the eviction of sessions that are idle, or too many, or too large together."""
        horizon = self._clock() - self._idle_ttl_s
        for hot in [hot for hot in self._hot.values() if hot.used_at < horizon]:
            self._send_off(hot)
        self._make_room()

    async def close(self) -> None:
        """Snapshot what has changed, as far as time allows."""
        try:
            async with asyncio.timeout(CLOSING_S):
                waiting = list(self._hot.values())
                for start in range(0, len(waiting), TOGETHER):
                    await asyncio.gather(*map(self._evict, waiting[start : start + TOGETHER]))
        except TimeoutError:
            log.warning("%d sessions close without a snapshot", len(self._hot))
        for task in self._background:
            task.cancel()
        await asyncio.gather(*self._background, return_exceptions=True)

    async def _change_within(
        self, unit: Unit, hot: Hot, plan: Callable[[Session], Plan]
    ) -> Changed:
        """Decide an event and apply it; the unit commits it."""
        while not await unit.hold(hot):
            hot = await self._successor(hot)
        changed = await self.deciding.decided(hot, plan(hot.session))
        unit.apply(hot, changed.turn)
        return changed

    async def _successor(self, hot: Hot) -> Hot:
        """The copy that has taken the place of one that was dropped. Raises NotFound."""
        found = await self._resident(hot.name)
        if found.key != hot.key:
            raise session_not_found(hot.name[1])
        return found

    async def _resident(self, name: Name) -> Hot:
        effect = EFFECT.get()
        if isinstance(effect, Unit) and (made := effect.made.get(name)) is not None:
            return made.hot
        while True:
            hot = self._hot.get(name) or await self._loaded(name)
            if not hot.ahead:
                break
            async with hot.lock:  # when it is free, the copy is committed or dropped
                pass
        hot.used_at = self._clock()
        if hot.live:
            self._hot.move_to_end(name)
        return hot

    async def _loaded(self, name: Name) -> Hot:
        loading = self._loading.get(name)
        if loading is None:
            loading = self._loading[name] = self._task(self._load(name))
            loading.add_done_callback(lambda _: self._loading.pop(name))
        return await asyncio.shield(loading)

    async def _load(self, name: Name) -> Hot:
        stored = await self._store.load(*name)
        if stored is None:
            raise session_not_found(name[1])
        return self._keep(await asyncio.to_thread(rebuild, name, stored, self._clock()))

    async def _supersede(self, name: Name, key: int, write: Awaitable[bool]) -> None:
        """Write what no event tells; also where nobody can tell whether that took effect, no hot
        copy stays."""
        try:
            written = await write
        finally:
            await self._forget(name, key)
        if not written:
            raise session_not_found(name[1])

    async def _forget(self, name: Name, key: int) -> None:
        if (loading := self._loading.get(name)) is not None:
            await asyncio.wait([loading])
        if self.is_resident(name, key):
            self._drop(self._hot[name])

    def _entry(self, effect: Effect | None, name: Name) -> Entry | None:
        """What has to go on record with a request's write."""
        return None if effect is None else effect.entry(self._clock(), name[1])

    async def _is_current(self, hot: Hot) -> bool:
        """Bring the copy up to what other processes committed; False where it had to be dropped."""
        head = await self._store.head(*hot.name)
        if head is None or head.key != hot.key:
            self._drop(hot)
        elif not hot.ahead and head.seq > hot.session.seq:
            async with hot.lock:
                if hot.live and head.seq > hot.session.seq:
                    await self._catch_up(hot)
        return hot.live and not hot.ahead

    async def _catch_up(self, hot: Hot) -> None:
        """Apply what others committed; drop the copy where the journal no longer says."""
        events = await self._store.tail(hot.key, hot.session.seq)
        complete = False
        try:
            complete = bool(events) and replay(hot.session, events)
        finally:
            if not complete:
                self._drop(hot)
        if complete:
            hot.settle()
            self._resize(hot)

    async def _attempt(self, hot: Hot, plan: Plan, effect: Effect | None = None) -> Changed | None:
        """Commit and apply the plan's event; None where another process was faster."""
        changed = await self.deciding.decided(hot, plan)
        return changed if await self._commit(hot, changed.turn, effect) else None

    async def _commit(
        self, hot: Hot, event: Turn | Consolidated, effect: Effect | None = None
    ) -> bool:
        """Make `event` the session's next one; False where another process was faster."""
        entry = self._entry(effect, hot.name)
        try:
            if not await self._store.append(append_of(hot.key, hot.session, event), entry):
                return False
            hot.session.apply(event)
        except BaseException:
            self._drop(hot)
            raise
        if effect is not None:
            effect.record(entry)
        hot.settle(event)
        self._advanced(hot)
        return True

    def _advanced(self, hot: Hot) -> None:
        """See to what is due after an event."""
        self._resize(hot)
        if hot.overdue:
            self._start(self._snapshot(hot))
        if self._consolidating.wanted(hot):
            self._start(self._consolidating.run(hot))

    async def _snapshot(self, hot: Hot) -> None:
        """Save the session as it is now; a failure leaves the journal as it was."""
        if hot.ahead:
            return  # nobody knows yet whether it will be so; the event itself asks again
        hot.saving, saved = True, saved_with(hot.session)
        try:
            if await self._store.save_snapshot(snapshot_of(hot.key, hot.session, hot.saved)):
                hot.saved = saved
        except SemvecError as error:
            log.warning("no snapshot of session %d: %s", hot.key, error)
        except Exception:
            log.exception("no snapshot of session %d", hot.key)
        finally:
            hot.saving = False

    async def _evict(self, hot: Hot) -> None:
        async with hot.lock:
            if not hot.live:
                return
            try:
                if hot.touched or hot.returned or hot.used:
                    await self._attempt(hot, plan_turn(hot.session))
                if hot.session.seq > hot.saved.seq:
                    await self._snapshot(hot)
            except SemvecError as error:
                log.warning("session %d leaves memory unsaved: %s", hot.key, error)
            except Exception:
                log.exception("session %d leaves memory unsaved", hot.key)
            finally:
                self._drop(hot)

    def _keep(self, hot: Hot) -> Hot:
        """The copy that stays: of two of a name the newer session's, of one session's the first."""
        if (there := self._hot.get(hot.name)) is not None:
            if there.key >= hot.key:
                hot.live = False
                return there
            self._drop(there)
        self._hot[hot.name] = hot
        self._nbytes += hot.nbytes
        self._make_room()
        return hot

    def _make_room(self) -> None:
        """Evict the longest idle beyond the number and the bytes that may be hot, but one."""
        number, nbytes = len(self._hot) - self._max_sessions, self._nbytes - self._memory_bytes
        for hot in islice(self._hot.values(), max(0, len(self._hot) - 1)):
            if number <= 0 and nbytes <= 0:
                return
            number, nbytes = number - 1, nbytes - hot.nbytes
            self._send_off(hot)

    def _send_off(self, hot: Hot) -> None:
        if not hot.leaving:
            hot.leaving = True
            self._start(self._evict(hot))

    def _drop(self, hot: Hot) -> None:
        if hot.live:
            hot.live = False
            self._nbytes -= hot.nbytes
            if self._hot.get(hot.name) is hot:
                del self._hot[hot.name]

    def _resize(self, hot: Hot) -> None:
        if hot.live:
            nbytes = hot.session.nbytes
            self._nbytes += nbytes - hot.nbytes
            hot.nbytes = nbytes
            if self._nbytes > self._memory_bytes:
                self._make_room()

    def _start(self, work: Coroutine[None, None, None]) -> None:
        task = self._task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    @staticmethod
    def _task(work: Coroutine[None, None, T]) -> asyncio.Task[T]:
        """Runs for nobody's request in particular."""
        return asyncio.create_task(work, context=Context())


def rebuild(name: Name, stored: Stored, now: float) -> Hot:
    """A hot copy out of storage."""
    session, saved = rebuilt(stored)
    return Hot(name, stored.head.key, session, now, saved)


def session_not_found(session_id: str) -> NotFound:
    return NotFound(f"session {session_id!r} not found")
