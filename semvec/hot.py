"""The hot sessions of this process: loaded on demand, changed through the journal, evicted."""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable, Coroutine, Iterable
from itertools import islice
from typing import TypeVar

from semvec.clock import Clock
from semvec.errors import NotFound, SemvecError, Unavailable
from semvec.session import snapshot
from semvec.session.events import (
    Access,
    Created,
    MemoryRecord,
    Tier,
    Turn,
    decode_event,
    decode_memory,
    encode_event,
    encode_memory,
)
from semvec.session.lexical import terms
from semvec.session.session import Session
from semvec.session.turn import Decision, decide_turn
from semvec.store import Append, ArchivedRow, MemoryRow, Snapshot, Store, Stored
from semvec.vectors import Vector

log = logging.getLogger(__name__)

Given = TypeVar("Given")
Result = TypeVar("Result")
Name = tuple[str, str]
"""Owner and session id."""

ATTEMPTS = 100
"""Conflicts with other processes that one change survives; each means that another one advanced."""
SNAPSHOT_EVERY = 256
"""Events after which a snapshot is taken, so that a replay stays short."""
LARGE = 4_000_000
"""Numbers in a session's vectors past which scanning them takes a millisecond or more."""
RETURNS = 32
"""Archived memories that come back with one event."""
TOGETHER = 64
"""Sessions that leave at once on shutdown, so that their snapshots share commits."""
CLOSING_S = 2.5
"""What shutdown may spend on snapshots; the journal has everything anyway."""


class Hot:
    """A session in memory, and what has happened to it that the journal need not know yet."""

    __slots__ = (
        "key",
        "leaving",
        "live",
        "lock",
        "name",
        "nbytes",
        "returned",
        "saved_id",
        "saved_seq",
        "saving",
        "session",
        "touched",
        "used_at",
    )

    def __init__(self, name: Name, key: int, session: Session, saved_seq: int, now: float) -> None:
        self.name, self.key, self.session = name, key, session
        self.lock = asyncio.Lock()
        self.live, self.leaving, self.saving = True, False, False
        self.saved_seq = saved_seq
        self.saved_id = session.next_id - 1 if saved_seq else 0
        self.touched: dict[int, Access] = {}
        self.returned: dict[int, MemoryRecord] = {}
        self.used_at = now
        self.nbytes = session.nbytes

    @property
    def large(self) -> bool:
        """Whether a scan over the vectors is worth a thread, and would hold up the event loop."""
        return self.session.memories.vectors.size > LARGE

    async def cosines(self, x: Vector) -> Vector:
        """Those of the unit vector `x`, shape (d,), to the session's rows, shape (count,)."""
        memories = self.session.memories
        if not self.large:
            return single(memories.cosines(x[None]))
        async with self.lock:
            return single(await self.scan(memories.cosines, x[None]))

    async def scan(self, work: Callable[[Given], Result], given: Given) -> Result:
        """`work(given)`, on a thread where it would hold up the event loop; needs the lock."""
        return await asyncio.to_thread(work, given) if self.large else work(given)

    def touch(self, memory_id: int, at: float) -> None:
        """Note an access; it rides in the session's next event."""
        before = self.touched.get(memory_id)
        self.touched[memory_id] = Access(memory_id, (before.count if before else 0) + 1, at)

    def bring_back(self, record: MemoryRecord) -> None:
        """Have an archived memory return to the hot tiers with the session's next event."""
        if len(self.returned) < RETURNS:
            self.returned[record.id] = record

    def returning(self, wanted: Iterable[MemoryRecord] = ()) -> list[MemoryRecord]:
        """Archived memories that the next event brings back, `wanted` among them."""
        records = {each.id: each for each in (*self.returned.values(), *wanted)}
        return [each for each in records.values() if each.id not in self.session.memories]


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
        self._nbytes = 0

    def __len__(self) -> int:
        return len(self._hot)

    def is_resident(self, name: Name, key: int) -> bool:
        hot = self._hot.get(name)
        return hot is not None and hot.key == key

    async def add(self, name: Name, created: Created) -> bool:
        """Create a session; False where this owner has one of this name."""
        head = await self._store.create(*name, created.at, encode_event(created))
        if head is None:
            return False
        self._keep(Hot(name, head.key, Session(created), 0, self._clock()))
        return True

    async def get(self, name: Name) -> Hot:
        """The session as committed by now, by whichever process. Raises NotFound."""
        while True:
            hot = await self._resident(name)
            if not self._store.shared or await self._is_current(hot):
                return hot

    async def change(self, hot: Hot, decide: Callable[[Hot], Decision]) -> tuple[Hot, Decision]:
        """Decide an event on the session as it is, commit it, apply it.

        `decide` is called again when another process was faster. Returns the hot copy that holds
        the change, and the decision. Raises NotFound, Unavailable.
        """
        for _ in range(ATTEMPTS):
            async with hot.lock:
                if hot.live:
                    decision = await hot.scan(decide, hot)
                    if await self._commit(hot, decision.turn):
                        self._apply(hot, decision.turn)
                        return hot, decision
                    await self._catch_up(hot)
            if not hot.live:
                hot = await self._resident(hot.name)
        raise Unavailable("too many writers on this session at once")

    async def delete(self, name: Name) -> None:
        head = await self._store.head(*name)
        if head is None or not await self._store.delete(head.key):
            raise session_not_found(name[1])
        if (loading := self._loading.get(name)) is not None:
            await asyncio.wait([loading])
        if self.is_resident(name, head.key):
            self._drop(self._hot[name])

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

    async def _resident(self, name: Name) -> Hot:
        hot = self._hot.get(name)
        if hot is None:
            loading = self._loading.get(name)
            if loading is None:
                loading = self._loading[name] = asyncio.create_task(self._load(name))
                loading.add_done_callback(lambda _: self._loading.pop(name))
            hot = await asyncio.shield(loading)
        hot.used_at = self._clock()
        if hot.live:
            self._hot.move_to_end(name)
        return hot

    async def _load(self, name: Name) -> Hot:
        stored = await self._store.load(*name)
        if stored is None:
            raise session_not_found(name[1])
        hot = await asyncio.to_thread(rebuild, name, stored, self._clock())
        self._keep(hot)
        return hot

    async def _is_current(self, hot: Hot) -> bool:
        """Bring the copy up to what other processes committed; False where it had to be dropped."""
        head = await self._store.head(*hot.name)
        if head is None or head.key != hot.key:
            self._drop(hot)
        elif head.seq > hot.session.seq:
            async with hot.lock:
                if head.seq > hot.session.seq:
                    await self._catch_up(hot)
        return hot.live

    async def _catch_up(self, hot: Hot) -> None:
        """Apply what others committed; drop the copy where the journal no longer says."""
        events = await self._store.tail(hot.key, hot.session.seq)
        for seq, payload in events:
            if seq != hot.session.seq + 1:
                break
            hot.session.apply(decode_event(payload))
        else:
            if events:
                self._resize(hot)
                return
        self._drop(hot)

    async def _commit(self, hot: Hot, turn: Turn) -> bool:
        session = hot.session
        fresh = sum(not learnt.reinforces for learnt in turn.learnt)
        gone = [move.memory_id for move in turn.moves if move.tier is Tier.ARCHIVE]
        append = Append(
            key=hot.key,
            seq=session.seq,
            events=(encode_event(turn),),
            used_at=turn.at,
            interaction_count=session.state.interaction_count + len(turn.learnt),
            total_memories=session.total_memories + fresh,
            archived=tuple(archived_row(session, memory_id) for memory_id in gone),
            returned=tuple(record.id for record in turn.returned),
        )
        try:
            return await self._store.append(append)
        except BaseException:
            self._drop(hot)
            raise

    def _apply(self, hot: Hot, turn: Turn) -> None:
        hot.session.apply(turn)
        for record in turn.returned:
            hot.returned.pop(record.id, None)
        for access in turn.accessed:
            later = hot.touched.pop(access.memory_id)
            if later.count > access.count:
                hot.touched[access.memory_id] = Access(
                    access.memory_id, later.count - access.count, later.at
                )
        self._resize(hot)
        if hot.session.seq - hot.saved_seq >= SNAPSHOT_EVERY and not hot.saving:
            hot.saving = True
            self._start(self._snapshot(hot))

    async def _snapshot(self, hot: Hot) -> None:
        """Save the session as it is now; a failure leaves the journal as it was."""
        session, last_id = hot.session, hot.session.next_id - 1
        young = tuple(map(memory_row, session.memories.records_after(hot.saved_id)))
        taken = Snapshot(hot.key, session.seq, snapshot.take(session), young)
        hot.saving = True
        try:
            if await self._store.save_snapshot(taken):
                hot.saved_seq, hot.saved_id = taken.seq, last_id
        except SemvecError as error:
            log.warning("no snapshot of session %d: %s", hot.key, error)
        finally:
            hot.saving = False

    async def _evict(self, hot: Hot) -> None:
        async with hot.lock:
            if not hot.live:
                return
            try:
                if hot.touched or hot.returned:
                    await self._commit_touches(hot)
                if hot.session.seq > hot.saved_seq:
                    await self._snapshot(hot)
            except SemvecError as error:
                log.warning("session %d leaves memory unsaved: %s", hot.key, error)
            self._drop(hot)

    async def _commit_touches(self, hot: Hot) -> None:
        turn = decide_turn(
            hot.session,
            now=self._clock(),
            accessed=tuple(hot.touched.values()),
            returned=hot.returning(),
        ).turn
        if await self._commit(hot, turn):
            self._apply(hot, turn)

    def _keep(self, hot: Hot) -> None:
        self._hot[hot.name] = hot
        self._nbytes += hot.nbytes
        self._make_room()

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
            self._nbytes += hot.session.nbytes - hot.nbytes
            hot.nbytes = hot.session.nbytes

    def _start(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)


def rebuild(name: Name, stored: Stored, now: float) -> Hot:
    """The session out of storage: its snapshot and the events after it, or all its events."""
    events = [(seq, decode_event(payload)) for seq, payload in stored.events]
    if stored.snapshot is not None:
        saved_seq, payload = stored.snapshot
        contents = {key: decode_memory(memory) for key, memory in stored.memories.items()}
        session = snapshot.restore(payload, contents)
    else:
        saved_seq = 0
        _, created = events.pop(0)
        assert isinstance(created, Created)
        session = Session(created)
    hot = Hot(name, stored.head.key, session, saved_seq, now)
    for seq, event in events:
        if seq != session.seq + 1:
            raise ValueError(f"journal of session {stored.head.key}: {seq} follows {session.seq}")
        session.apply(event)
    hot.nbytes = session.nbytes
    return hot


def single(rows: Vector) -> Vector:
    """The only row of a matrix."""
    (row,) = rows
    only: Vector = row
    return only


def memory_row(record: MemoryRecord) -> MemoryRow:
    return MemoryRow(record.id, record.hash, record.fold, encode_memory(record))


def archived_row(session: Session, memory_id: int) -> ArchivedRow:
    content = session.memories.content(session.memories.row(memory_id))
    distinct = tuple(dict.fromkeys(terms(content.text)))
    return ArchivedRow(memory_row(session.memories.record(memory_id)), distinct)


def session_not_found(session_id: str) -> NotFound:
    return NotFound(f"session {session_id!r} not found")
