"""One session in memory."""

import asyncio
from collections import Counter
from collections.abc import Iterable

from semvec.errors import Unavailable
from semvec.kernels.pages import VectorPools
from semvec.persistence import NOTHING_PERSISTED, NextEvent, PersistedState, rebuilt
from semvec.session.events import Access, MemoryRecord, Turn
from semvec.session.session import Session
from semvec.store import SessionKind, StoredSession, UnitOfWork, current_unit_of_work

SessionName = tuple[str, str]
"""Owner and session id."""

SNAPSHOT_EVERY = 64
"""Events between snapshots, so that a replay stays short. The key adds up to as many again, so that
sessions that advance together take their snapshots at different times."""
MAX_RESTORES = 32
"""Archived memories that one event restores, besides those that its own texts repeat."""


class CachedSession:
    """A session in memory, with recorded accesses and uses that are not in the journal yet.

    `line` is the line of its last event. `checked` is the number of the newest database connection
    when the session was last compared with its head.

    `owner` is the unit of work whose uncommitted changes the session shows. No other request may
    read it until they are committed; on rollback the cached session is evicted. `lock_owner` is the
    unit of work that holds the lock, if any.
    """

    __slots__ = (
        *(
            "_session",
            "checked",
            "lock_owner",
            "key",
            "kind",
            "is_evicting",
            "line",
            "is_live",
            "lock",
        ),
        *(
            "name",
            "nbytes",
            "pending_restores",
            "saved",
            "is_saving",
            "pending_accesses",
            "owner",
            "pending_entity_uses",
            "used_at",
        ),
    )

    def __init__(
        self,
        name: SessionName,
        key: int,
        session: Session,
        now: float,
        saved: PersistedState = NOTHING_PERSISTED,
        kind: int = SessionKind.PLAIN,
        line: bytes | None = None,
    ) -> None:
        self.name, self.key, self.kind, self._session = name, key, SessionKind(kind), session
        self.line = line
        self.checked = 0
        self.owner: UnitOfWork | None = None
        self.lock_owner: UnitOfWork | None = None
        self.lock = asyncio.Lock()
        self.is_live, self.is_evicting, self.is_saving = True, False, False
        self.saved = saved
        self.pending_accesses: dict[int, Access] = {}
        self.pending_restores: dict[int, MemoryRecord] = {}
        self.pending_entity_uses: Counter[int] = Counter()
        self.used_at = now
        self.nbytes = session.nbytes

    @property
    def session(self) -> Session:
        """Return the session. Raise Unavailable if it shows another request's uncommitted
        changes."""
        if self.is_uncommitted:
            raise Unavailable("the session is being changed: try again")
        return self._session

    @property
    def is_uncommitted(self) -> bool:
        """Whether the session shows uncommitted changes of another request."""
        return self.owner is not None and self.owner is not current_unit_of_work()

    @property
    def snapshot_due(self) -> bool:
        """Whether a snapshot should be taken now."""
        every = SNAPSHOT_EVERY + self.key % SNAPSHOT_EVERY
        return self.session.seq - self.saved.seq >= every and not self.is_saving

    def record_access(self, memory_id: int, at: float) -> None:
        """Record an access; the session's next event contains it."""
        before = self.pending_accesses.get(memory_id)
        self.pending_accesses[memory_id] = Access(
            memory_id, (before.count if before else 0) + 1, at
        )

    def record_entity_use(self, entity_id: int) -> None:
        """Record that an entity was found; the session's next event contains it."""
        self.pending_entity_uses[entity_id] += 1

    def restore_memory(self, record: MemoryRecord) -> bool:
        """Restore an archived memory to the tiers with the session's next event. Return False if
        the limit is reached."""
        if record.id not in self.pending_restores and len(self.pending_restores) >= MAX_RESTORES:
            return False
        self.pending_restores[record.id] = record
        return True

    def memories_to_restore(self, wanted: Iterable[MemoryRecord]) -> list[MemoryRecord]:
        """Return the archived memories that the next event restores, including `wanted`."""
        records = {each.id: each for each in (*self.pending_restores.values(), *wanted)}
        return [each for each in records.values() if each.id not in self.session.memories]

    def discard_recorded(self, event: NextEvent | None = None) -> None:
        """Discard what `event` contains, and what other processes' events made obsolete: restores
        of memories that are back in the tiers, accesses to memories that left them."""
        memories = self.session.memories
        self.pending_restores = {
            key: record for key, record in self.pending_restores.items() if key not in memories
        }
        if event is None:
            self.pending_accesses = {
                key: access
                for key, access in self.pending_accesses.items()
                if key in memories or key in self.pending_restores
            }
        if not isinstance(event, Turn):
            return
        for access in event.accessed:
            later = self.pending_accesses.pop(access.memory_id)
            if later.count > access.count:
                left = Access(access.memory_id, later.count - access.count, later.at)
                self.pending_accesses[access.memory_id] = left
        self.pending_entity_uses -= Counter({use.id: use.count for use in event.used})


def rebuild(
    name: SessionName, stored: StoredSession, now: float, planes: VectorPools | None = None
) -> CachedSession:
    """Build a cached session from stored rows."""
    session, saved = rebuilt(stored, planes)
    return CachedSession(
        name, stored.head.key, session, now, saved, stored.head.kind, stored.head.line
    )
