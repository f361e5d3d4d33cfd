"""What a change has come to."""

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
    """`cosines`, shape (m, count), are the plan's queries' to the rows as they were before."""

    hot: CachedSession
    plan: Plan
    turn: Turn
    cosines: Vector

    @property
    def withheld_by(self) -> str | None:
        """What kept an input from being learnt."""
        level = self.plan.withheld_by
        return None if level is None else level.lower()

    @property
    def memory_id(self) -> int | None:
        """The memory that the request's own input became or reinforced."""
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
    """An event to come of a session: decided on its copy in memory if there is one, else what is
    written `blind`, by what its head tells; without that it has to be in memory."""

    name: SessionName
    key: int
    decide: Callable[[Session], NextEvent]
    blind: Append | None = None


ExtraOperations = Callable[[CachedSession, Turn], Awaitable[Sequence[Operation]]]
"""What has to be committed with a turn of a session, or not at all."""
