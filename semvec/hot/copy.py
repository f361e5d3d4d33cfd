"""One session in memory."""

import asyncio
from collections import Counter
from collections.abc import Iterable

from semvec.errors import Unavailable
from semvec.kernels.pages import Planes
from semvec.persistence import NOTHING_SAVED, Next, Saved, rebuilt
from semvec.session.events import Access, MemoryRecord, Turn
from semvec.session.session import Session
from semvec.store import Kind, Stored, Unit, unit_at_work

Name = tuple[str, str]
"""Owner and session id."""

SNAPSHOT_EVERY = 64
"""Events after which a snapshot is taken, so that a replay stays short; up to twice as many, by
session, so that sessions that advance together do not take theirs together."""
RETURNS = 32
"""Archived memories that come back with one event, beside those that are said again."""


class Hot:
    """A session in memory, and what has happened to it that the journal need not know yet.

    `line` is that of its last event. `checked` is the number of the newest connection to the
    database when the copy was last compared with its head.

    A `unit` that has changed it has it to itself until that is committed; where that comes to
    nothing, for good. `holder` is the unit, if it is one, that has the lock.
    """

    __slots__ = (
        *("_session", "checked", "holder", "key", "kind", "leaving", "line", "live", "lock"),
        *("name", "nbytes", "returned", "saved", "saving", "touched", "unit", "used", "used_at"),
    )

    def __init__(
        self,
        name: Name,
        key: int,
        session: Session,
        now: float,
        saved: Saved = NOTHING_SAVED,
        kind: int = Kind.PLAIN,
        line: bytes | None = None,
    ) -> None:
        self.name, self.key, self.kind, self._session = name, key, Kind(kind), session
        self.line = line
        self.checked = 0
        self.unit: Unit | None = None
        self.holder: Unit | None = None
        self.lock = asyncio.Lock()
        self.live, self.leaving, self.saving = True, False, False
        self.saved = saved
        self.touched: dict[int, Access] = {}
        self.returned: dict[int, MemoryRecord] = {}
        self.used: Counter[int] = Counter()
        self.used_at = now
        self.nbytes = session.nbytes

    @property
    def session(self) -> Session:
        """Raises Unavailable where it shows what is not committed to anybody else."""
        if self.ahead:
            raise Unavailable("the session is being changed: try again")
        return self._session

    @property
    def ahead(self) -> bool:
        """Whether the session shows what is not committed, by another's doing."""
        return self.unit is not None and self.unit is not unit_at_work()

    @property
    def overdue(self) -> bool:
        """Whether a snapshot is."""
        every = SNAPSHOT_EVERY + self.key % SNAPSHOT_EVERY
        return self.session.seq - self.saved.seq >= every and not self.saving

    def touch(self, memory_id: int, at: float) -> None:
        """Note an access; it rides in the session's next event."""
        before = self.touched.get(memory_id)
        self.touched[memory_id] = Access(memory_id, (before.count if before else 0) + 1, at)

    def use(self, entity_id: int) -> None:
        """Note that an entity was found; it rides in the session's next event."""
        self.used[entity_id] += 1

    def bring_back(self, record: MemoryRecord) -> bool:
        """Have an archived memory return to the hot tiers with the session's next event; False
        where so many do already."""
        if record.id not in self.returned and len(self.returned) >= RETURNS:
            return False
        self.returned[record.id] = record
        return True

    def returning(self, wanted: Iterable[MemoryRecord]) -> list[MemoryRecord]:
        """Archived memories that the next event brings back, `wanted` among them."""
        records = {each.id: each for each in (*self.returned.values(), *wanted)}
        return [each for each in records.values() if each.id not in self.session.memories]

    def settle(self, event: Next | None = None) -> None:
        """Forget what `event` recorded, and what another process's events have made pointless:
        returns of memories that came, accesses of memories that went."""
        memories = self.session.memories
        self.returned = {
            key: record for key, record in self.returned.items() if key not in memories
        }
        if event is None:
            self.touched = {
                key: access
                for key, access in self.touched.items()
                if key in memories or key in self.returned
            }
        if not isinstance(event, Turn):
            return
        for access in event.accessed:
            later = self.touched.pop(access.memory_id)
            if later.count > access.count:
                left = Access(access.memory_id, later.count - access.count, later.at)
                self.touched[access.memory_id] = left
        self.used -= Counter({use.id: use.count for use in event.used})


def rebuild(name: Name, stored: Stored, now: float, planes: Planes | None = None) -> Hot:
    """A hot copy out of storage."""
    session, saved = rebuilt(stored, planes)
    return Hot(name, stored.head.key, session, now, saved, stored.head.kind, stored.head.line)
