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
"""Events after which a snapshot is taken, so that a replay stays short; up to twice as many, by
session, so that sessions that advance together do not take theirs together."""
MAX_RESTORES = 32
"""Archived memories that come back with one event, beside those that are said again."""


class CachedSession:
    """A session in memory, and what has happened to it that the journal need not know yet.

    `line` is that of its last event. `checked` is the number of the newest connection to the
    database when the copy was last compared with its head.

    A `unit` that has changed it has it to itself until that is committed; where that comes to
    nothing, for good. `holder` is the unit, if it is one, that has the lock.
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
        """Raises Unavailable where it shows what is not committed to anybody else."""
        if self.is_uncommitted:
            raise Unavailable("the session is being changed: try again")
        return self._session

    @property
    def is_uncommitted(self) -> bool:
        """Whether the session shows what is not committed, by another's doing."""
        return self.owner is not None and self.owner is not current_unit_of_work()

    @property
    def snapshot_due(self) -> bool:
        """Whether a snapshot is."""
        every = SNAPSHOT_EVERY + self.key % SNAPSHOT_EVERY
        return self.session.seq - self.saved.seq >= every and not self.is_saving

    def record_access(self, memory_id: int, at: float) -> None:
        """Note an access; it rides in the session's next event."""
        before = self.pending_accesses.get(memory_id)
        self.pending_accesses[memory_id] = Access(
            memory_id, (before.count if before else 0) + 1, at
        )

    def record_entity_use(self, entity_id: int) -> None:
        """Note that an entity was found; it rides in the session's next event."""
        self.pending_entity_uses[entity_id] += 1

    def restore_memory(self, record: MemoryRecord) -> bool:
        """Have an archived memory return to the hot tiers with the session's next event; False
        where so many do already."""
        if record.id not in self.pending_restores and len(self.pending_restores) >= MAX_RESTORES:
            return False
        self.pending_restores[record.id] = record
        return True

    def memories_to_restore(self, wanted: Iterable[MemoryRecord]) -> list[MemoryRecord]:
        """Archived memories that the next event brings back, `wanted` among them."""
        records = {each.id: each for each in (*self.pending_restores.values(), *wanted)}
        return [each for each in records.values() if each.id not in self.session.memories]

    def discard_recorded(self, event: NextEvent | None = None) -> None:
        """Forget what `event` recorded, and what another process's events have made pointless:
        returns of memories that came, accesses of memories that went."""
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
    """A hot copy out of storage."""
    session, saved = rebuilt(stored, planes)
    return CachedSession(
        name, stored.head.key, session, now, saved, stored.head.kind, stored.head.line
    )
