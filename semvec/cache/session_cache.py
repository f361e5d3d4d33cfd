"""The session cache of this process: loaded on demand, changed through the journal, evicted."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import nullcontext, suppress
from contextvars import Context
from functools import partial
from types import MappingProxyType
from typing import TypeVar

from semvec.cache.cached_session import CachedSession, SessionName, rebuild
from semvec.cache.change_result import ChangeResult, ExtraOperations
from semvec.cache.consolidator import Consolidator
from semvec.cache.event_metrics import record_event_metrics
from semvec.cache.locks import LockManager
from semvec.cache.lru import LruCache
from semvec.cache.vector_scorer import VectorScorer
from semvec.clock import Clock
from semvec.errors import Conflict, NotFound, SemvecError, Unavailable
from semvec.kernels.pages import VectorPools
from semvec.offloop import OffLoop
from semvec.persistence import (
    NextEvent,
    append_of,
    head_columns,
    persisted_state,
    reading_rows,
    replay,
    snapshot_of,
)
from semvec.session.events import (
    MemoryRecord,
    SessionCreated,
    Use,
    decode_event,
    decode_memory,
    encode_event,
)
from semvec.session.head_state import Mean, plan_move
from semvec.session.literals import LiteralEntry
from semvec.session.longtexts import digest, indexed, long, prepare, undigested
from semvec.session.plan import Plan
from semvec.session.session import Session
from semvec.session.text_normalise import fold_of
from semvec.session.turn import decide_turn, plan_turn
from semvec.store import (
    Append,
    Head,
    Operation,
    Replace,
    SessionKind,
    Store,
    current_unit_of_work,
    line_after,
)
from semvec.telemetry.protocol import SILENT, Reason, SessionLife, Span
from semvec.texts import TEXT_PIECE
from semvec.vectors import Vector

log = logging.getLogger(__name__)

T = TypeVar("T")

MAX_CHANGE_ATTEMPTS = 100
"""Conflicts with other processes after which one change fails; each means that another process
advanced the session."""
LARGE_ENTITY_BYTES = 20_000
"""Bytes of a session's entities above which tokenising them takes some milliseconds, even if NFKC
makes six times as many of them."""
CLOSE_BATCH = 64
"""Sessions that are evicted together on shutdown, so that their snapshots share commits."""
SNAPSHOT_ON_CLOSE_S = 2.5
"""Seconds that shutdown may spend on snapshots; the journal has all events anyway."""
OWNER_OF_KIND = MappingProxyType(
    {SessionKind.BACKING: "cluster", SessionKind.META: "region or the observer"}
)
"""What a session that is not plain belongs to."""


class SessionCache:
    """The only access to sessions: `change` writes, `get` reads.

    A cached session is always a prefix of the journal. It is changed only by committed events, or
    by a unit of work, whose changes other requests cannot read before its commit. The vectors of
    all sessions lie in `planes`.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        planes: VectorPools,
        scans: VectorScorer,
        *,
        max_sessions: int,
        memory_bytes: int,
        idle_ttl_s: float,
        telemetry: SessionLife = SILENT,
        span: Span = nullcontext,
        off_loop: OffLoop | None = None,
    ) -> None:
        self._store, self._clock = store, clock
        self._off_loop = off_loop or OffLoop()
        self._planes, self._scans = planes, scans
        self._telemetry, self._span = telemetry, span
        self.copies = LruCache(
            lambda hot, reason: self._start_background(self._evict(hot, reason)),
            max_sessions=max_sessions,
            memory_bytes=memory_bytes,
            idle_ttl_s=idle_ttl_s,
        )
        self._loading: dict[SessionName, asyncio.Task[CachedSession]] = {}
        self._outdated: set[SessionName] = set()
        self._background: set[asyncio.Task[None]] = set()
        self._consolidating = Consolidator(self._commit, clock)
        self.locks = LockManager(
            store, keep=self.copies.put, drop=self.copies.evict, advanced=self._schedule_upkeep
        )

    async def add(
        self,
        name: SessionName,
        created: SessionCreated,
        *parts: Operation,
        kind: SessionKind = SessionKind.PLAIN,
    ) -> bool:
        """Create a session and `parts` in one transaction. Return False if the owner has a session
        of this name."""
        session = Session(created, self._planes)
        head = await self._store.create(
            *name,
            created.at,
            encode_event(created),
            *parts,
            kind=kind,
            **head_columns(session),
        )
        if head is None:
            return False
        self.locks.register_new(
            CachedSession(name, head.key, session, self._clock(), kind=kind, line=head.line)
        )
        return True

    async def get(self, name: SessionName) -> CachedSession:
        """Return the session as committed by now, by any process. Raise NotFound."""
        while True:
            hot = await self._get_local(name)
            if hot.owner is not None or self._unchanged(hot) or await self._is_current(hot):
                return hot

    async def refresh(self, hot: CachedSession) -> CachedSession:
        """Return the session once all that it shows is committed; needed after any await since
        `get`. Raise NotFound."""
        return await self.get(hot.name) if hot.is_uncommitted else hot

    async def change(
        self,
        hot: CachedSession,
        plan: Callable[[Session], Plan],
        beside: ExtraOperations | None = None,
    ) -> ChangeResult:
        """Decide an event on the session, commit it with the operations of `beside`, apply it.

        On a conflict with another process it is planned again. Raise NotFound, Unavailable.
        """
        return await self._retry_until_current(
            hot, lambda it: self._attempt(it, plan(it.session), beside)
        )

    async def move(self, hot: CachedSession, toward: Vector, share: float) -> Mean:
        """Move the state by `share` of the way to a vector; return the state before. Raise as
        `change` does."""

        async def attempt(there: CachedSession) -> Mean | None:
            session = there.session
            event = plan_move(session.state.interaction_count, toward, share, self._clock())
            before = session.state.mean
            return before if await self._commit(there, event) else None

        return await self._retry_until_current(hot, attempt)

    async def _retry_until_current(
        self, hot: CachedSession, attempt: Callable[[CachedSession], Awaitable[T | None]]
    ) -> T:
        """Repeat `attempt` until it does not conflict with another process, and return its
        result."""
        for _ in range(MAX_CHANGE_ATTEMPTS):
            async with self.locks.lock(hot):
                if hot.is_live:
                    decided = await attempt(hot)
                    if decided is not None:
                        return decided
                    self._telemetry.repeated()
                    await self._catch_up(hot)
            if not hot.is_live:
                name, key = hot.name, hot.key
                hot = await self.get(name)
                if hot.key != key:
                    raise session_not_found(name[1])
        raise Unavailable("too many writers on this session at once")

    async def entities(
        self, hot: CachedSession, q: str, limit: int
    ) -> tuple[list[LiteralEntry], int]:
        """Run `Literals.search`, on a thread if it would block the event loop."""
        literals = hot.session.literals
        if literals.text_bytes <= LARGE_ENTITY_BYTES and len(q) <= TEXT_PIECE:
            return literals.search(q, limit)
        async with self.locks.lock(hot):
            return await self._off_loop.run(literals.search, q, limit)

    async def delete(self, name: SessionName) -> None:
        """Delete a session. Raise NotFound, or Conflict if it belongs to a cluster, region or
        observer."""
        head = await self._store.head(*name)
        if head is None:
            raise session_not_found(name[1])
        if head.kind != SessionKind.PLAIN:
            owner = OWNER_OF_KIND[SessionKind(head.kind)]
            raise Conflict(f"session {name[1]!r} goes with the {owner} it stands behind")
        if not await self.erase(name, head.key):
            raise session_not_found(name[1])

    async def erase(self, name: SessionName, key: int, *parts: Operation) -> bool:
        """Delete the session of this key, with `parts`. Return False if it is gone or `parts`
        conflict."""
        return await self._write_and_drop(name, key, self._store.delete(key, *parts))

    async def replace(self, name: SessionName, replace: Replace) -> None:
        """Replace a session's contents with imported ones. Raise NotFound."""
        if not await self._write_and_drop(name, replace.key, self._store.replace(replace)):
            raise session_not_found(name[1])
        self.locks.discard_if_lost(replace.content)

    def outdate(self, name: SessionName) -> None:
        """Make a running load read again: what it has read may be older than a commit."""
        if name in self._loading:
            self._outdated.add(name)

    def apply(self, hot: CachedSession, event: NextEvent, append: Append) -> None:
        """Apply an event that `append` has committed, or that commits with the current unit of
        work."""
        hot.owner = current_unit_of_work()
        hot.session.apply(event)
        hot.line = append.next_line
        hot.discard_recorded(event)
        record_event_metrics(event, self._telemetry)
        if hot.owner is None:
            self._schedule_upkeep(hot)

    def _schedule_upkeep(self, hot: CachedSession) -> None:
        """Start the snapshot and the consolidation that are due after an event."""
        self.copies.resize(hot)
        if hot.snapshot_due:
            self._start_background(self._snapshot_or_drop(hot))
        if self._consolidating.is_due(hot):
            self._start_background(self._consolidating.run(hot))

    def sweep(self) -> None:
        """Start the eviction of idle sessions, and of the least recently used ones beyond the
        limits."""
        self.copies.sweep(self._clock())

    async def close(self) -> None:
        """Save snapshots of changed sessions, within SNAPSHOT_ON_CLOSE_S."""
        try:
            async with asyncio.timeout(SNAPSHOT_ON_CLOSE_S):
                waiting = list(self.copies)
                for start in range(0, len(waiting), CLOSE_BATCH):
                    leaving = waiting[start : start + CLOSE_BATCH]
                    await asyncio.gather(*(self._evict(hot, "closing") for hot in leaving))
        except TimeoutError:
            log.warning("%d sessions close without a snapshot", len(self.copies))
        for task in self._background:
            task.cancel()
        await asyncio.gather(*self._background, return_exceptions=True)

    async def _get_local(self, name: SessionName) -> CachedSession:
        if (made := self.locks.created(name)) is not None:
            return made
        while (hot := self.copies.get(name) or await self._load_shared(name)).is_uncommitted:
            async with self.locks.lock(hot):  # released at commit or rollback
                pass
        self.copies.touch(hot, self._clock())
        return hot

    async def _load_shared(self, name: SessionName) -> CachedSession:
        """Load the session as it is in storage after this call began.

        A load that is already running may have read before that. It is awaited, but NotFound from
        it does not count, and its result is compared with the head like every cached session.
        """
        if (earlier := self._loading.get(name)) is not None:
            with suppress(NotFound):
                await asyncio.shield(earlier)
            if (hot := self.copies.get(name)) is not None:
                return hot
        if (loading := self._loading.get(name)) is None:
            loading = self._loading[name] = detached_task(self._load(name))
        return await asyncio.shield(loading)

    async def _load(self, name: SessionName) -> CachedSession:
        """Load the session and put it into the cache; read again if a commit has outdated the
        rows."""
        try:
            while True:
                hot = await self._read(name)
                if name not in self._outdated:
                    break
                self._outdated.discard(name)
            if hot is None:
                raise session_not_found(name[1])
            return self.copies.put(hot)
        finally:
            del self._loading[name]
            self._outdated.discard(name)

    async def _read(self, name: SessionName) -> CachedSession | None:
        began = time.monotonic()
        stored = await self._store.load(*name)
        if stored is None:
            return None
        hot = await asyncio.to_thread(rebuild, name, stored, self._clock(), self._planes)
        self._telemetry.loaded(time.monotonic() - began)
        return hot

    async def _write_and_drop(self, name: SessionName, key: int, write: Awaitable[bool]) -> bool:
        """Run a write that bypasses events, then evict the cached session, also if the outcome is
        unknown."""
        try:
            return await write
        finally:
            await self.locks.after_commit(partial(self._drop_copy, name, key))

    async def _drop_copy(self, name: SessionName, key: int) -> None:
        self.outdate(name)
        if (hot := self.copies.get(name)) is not None and hot.key == key:
            self.copies.evict(hot)

    def _unchanged(self, hot: CachedSession) -> bool:
        """Whether the database cannot have changed since the session was compared with it. If only
        this process writes, the database can differ only over a new connection."""
        return not self._store.shared and hot.checked == self._store.connected

    async def _is_current(self, hot: CachedSession) -> bool:
        """Bring the session up to date with other processes' commits; return False if it was
        evicted."""
        connected = self._store.connected
        head = await self._store.head(*hot.name)
        if head is None or head.key != hot.key:
            self.copies.evict(hot)
        elif not hot.is_uncommitted and not shows(hot, head):
            async with self.locks.lock(hot):
                if hot.is_live:
                    await self._follow(hot, head)
        hot.checked = connected
        return hot.is_live and not hot.is_uncommitted

    async def _follow(self, hot: CachedSession, head: Head) -> None:
        """Catch up with `head`, under the session's lock. If the session has advanced since `head`
        was read, read the head again first."""
        now: Head | None = head
        if head.seq < hot.session.seq:
            now = await self._store.head(*hot.name)
        if now is None or now.key != hot.key or not shows(hot, now):
            await self._catch_up(hot)

    async def _catch_up(self, hot: CachedSession) -> None:
        """Apply the events that other processes committed. Evict the session if the journal no
        longer has them, or if the session shows events that the database does not have."""
        tail = await self._store.tail(hot.key, hot.session.seq)
        line = line_after(hot.line, (payload for _, payload in tail.events))
        complete = False
        try:
            if tail.events and line == tail.line:
                with reading_rows(hot.name[1], hot.key):
                    complete = await self._replay(hot.session, tail.events)
        finally:
            if not complete:
                self.copies.evict(hot)
        if complete:
            hot.line = line
            hot.discard_recorded()
            self.copies.resize(hot)

    async def _attempt(
        self, hot: CachedSession, plan: Plan, beside: ExtraOperations | None = None
    ) -> ChangeResult | None:
        """Commit and apply the plan's event; return None on a conflict with another process."""
        if undigested(plan):
            await self._off_loop.run(digest, plan)
        known = await self._archived(hot, plan)
        cosines = await self._scans.cosines(hot.session.memories, plan.queries)
        turn = decide_turn(
            hot.session,
            plan,
            cosines,
            now=self._clock(),
            accessed=tuple(hot.pending_accesses.values()),
            returned=hot.memories_to_restore(known),
            used=[Use(*used) for used in hot.pending_entity_uses.items()],
        )
        parts = await beside(hot, turn) if beside is not None else ()
        if not await self._commit(hot, turn, *parts):
            return None
        return ChangeResult(hot, plan, turn, cosines)

    async def _commit(self, hot: CachedSession, event: NextEvent, *parts: Operation) -> bool:
        """Append `event` to the session; return False on a conflict with another process."""
        append = append_of(hot.key, hot.session, hot.line, event)
        await self._prepare(hot.session, event)
        try:
            with self._span("commit"):
                committed = await self._store.append(append, *parts)
            if not committed:
                return False
            self.apply(hot, event, append)
        except BaseException:
            self.copies.evict(hot)
            raise
        return True

    async def _prepare(self, session: Session, event: NextEvent) -> None:
        """Tokenise long texts that the event adds or removes, off the event loop."""
        if texts := long(indexed(session, event)):
            await self._off_loop.run(prepare, texts)

    async def _replay(self, session: Session, events: Sequence[tuple[int, bytes]]) -> bool:
        """Replay events that another process committed."""
        for event in events:
            await self._prepare_stored(session, event)
            if not replay(session, (event,)):
                return False
        return True

    async def _prepare_stored(self, session: Session, event: tuple[int, bytes]) -> None:
        """Prepare an event that another process committed, if it is the next one and may be
        long."""
        seq, payload = event
        if seq == session.seq + 1 and len(payload) > TEXT_PIECE:
            found = decode_event(payload)
            assert not isinstance(found, SessionCreated)
            await self._prepare(session, found)

    async def _archived(self, hot: CachedSession, plan: Plan) -> list[MemoryRecord]:
        """Return archived memories with the same normalised text as the drafts. A memory whose
        digest was made by the former rule is found only if its text is identical."""
        if not hot.session.archived or not plan.drafts:
            return []
        digests = [draft.digests for draft in plan.drafts]
        folds = [each.fold for each in digests]
        known = await self._store.archived_by_folds(hot.key, folds, [each.hash for each in digests])
        with reading_rows(hot.name[1], hot.key):
            records = [decode_memory(payload) for payload in known]
        return [each for each in records if fold_of(each.fold, each.text) in folds]

    async def _snapshot_or_drop(self, hot: CachedSession) -> None:
        """Save a snapshot. If the database refuses it, evict the session: its events or its rows
        are not those that the database has."""
        if await self._snapshot(hot):
            return
        async with hot.lock:
            self.copies.evict(hot)

    async def _snapshot(self, hot: CachedSession) -> bool:
        """Save a snapshot of the session as it is now; a failure leaves the journal as it was.

        Return False if the database refuses it: a newer snapshot is there, or the session does not
        follow from the stored events.
        """
        if hot.is_uncommitted:
            return True  # not committed yet; upkeep at the end of the unit of work asks again
        hot.is_saving, saved, done, refused = True, persisted_state(hot.session), False, False
        try:
            encoded = snapshot_of(hot.key, hot.session, hot.line, hot.saved)
            done = await self._store.save_snapshot(await asyncio.to_thread(encoded))
            refused = not done
            if done:
                hot.saved = saved
        except SemvecError as error:
            log.warning("no snapshot of session %d: %s", hot.key, error)
        except Exception:
            log.exception("no snapshot of session %d", hot.key)
        finally:
            hot.is_saving = False
            self._telemetry.snapshot(done)
        return not refused

    async def _evict(self, hot: CachedSession, reason: Reason) -> None:
        async with hot.lock:
            if not hot.is_live:
                return
            try:
                if hot.pending_accesses or hot.pending_restores or hot.pending_entity_uses:
                    await self._attempt(hot, plan_turn(hot.session))
                if hot.session.seq > hot.saved.seq:
                    await self._snapshot(hot)
            except SemvecError as error:
                log.warning("session %d leaves memory unsaved: %s", hot.key, error)
            except Exception:
                log.exception("session %d leaves memory unsaved", hot.key)
            finally:
                self.copies.evict(hot)
                self._telemetry.evicted(reason)

    def _start_background(self, work: Coroutine[None, None, None]) -> None:
        task = detached_task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)


def shows(hot: CachedSession, head: Head) -> bool:
    """Whether the cached session is as of this head."""
    return (hot.session.seq, hot.line) == (head.seq, head.line)


def session_not_found(session_id: str) -> NotFound:
    return NotFound(f"session {session_id!r} not found")


def detached_task(work: Coroutine[None, None, T]) -> asyncio.Task[T]:
    """Start a task in an empty context, so that it does not belong to the current request."""
    return asyncio.create_task(work, context=Context())
