"""The result of a change."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from semvec.cache.cached_session import CachedSession, SessionName
from semvec.persistence import NextEvent
from semvec.session.events import Turn
from semvec.session.plan import Plan
from semvec.session.session import Session
from semvec.store import Append, Operation
from semvec.vectors import Vector


@dataclass(frozen=True, slots=True, eq=False)
class ChangeResult:
    """A committed turn. `cosines`, shape (m, count), compare the plan's queries with the rows
    before the change."""

    hot: CachedSession
    plan: Plan
    turn: Turn
    cosines: Vector

    @property
    def withheld_by(self) -> str | None:
        """The isolation level that kept the input from being learnt, in lower case; else None."""
        level = self.plan.withheld_by
        return None if level is None else level.lower()

    @property
    def memory_id(self) -> int | None:
        """The memory that the request's own input created or reinforced."""
        if self.plan.withheld_by is not None or not self.turn.learnt:
            return None
        return self.turn.learnt[-1].memory_id

    @property
    def memory_hash(self) -> str | None:
        if self.memory_id is None:
            return None
        memories = self.hot.session.memories
        return memories.content(memories.row(self.memory_id)).hash


@dataclass(frozen=True, slots=True)
class StateMove:
    """A planned event of a session. `decide` makes it from the cached session. Without one, `blind`
    is written, which is made from the head alone; if `blind` is None, the session has to be in
    memory."""

    name: SessionName
    key: int
    decide: Callable[[Session], NextEvent]
    blind: Append | None = None


ExtraOperations = Callable[[CachedSession, Turn], Awaitable[Sequence[Operation]]]
"""Return the operations that have to commit in the same transaction as a turn."""
