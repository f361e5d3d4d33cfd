"""What is worked out on a hot session: events, before they are committed, and cosines."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from semvec.clock import Clock
from semvec.hot.copy import Hot
from semvec.session.events import MemoryRecord, Turn, Use, decode_memory
from semvec.session.literals import Entry
from semvec.session.plan import Plan
from semvec.session.session import Session
from semvec.session.turn import decide_turn
from semvec.store import Store
from semvec.vectors import Vector

LARGE = 4_000_000
"""Numbers in a session's vectors past which scanning them takes a millisecond or more."""
LARGE_TEXT = 50_000
"""Bytes of a session's entities past which splitting them into words takes some milliseconds."""


@dataclass(frozen=True, slots=True, eq=False)
class Changed:
    """`cosines`, shape (m, count), are the plan's queries' to the rows as they were before."""

    hot: Hot
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


class Deciding:
    def __init__(self, store: Store, clock: Clock) -> None:
        self._store, self._clock = store, clock

    async def decided(self, hot: Hot, plan: Plan) -> Changed:
        known = await self._archived(hot, [draft.fold for draft in plan.drafts])
        cosines = await self.scan(hot.session, plan.queries)
        turn = decide_turn(
            hot.session,
            plan,
            cosines,
            now=self._clock(),
            accessed=tuple(hot.touched.values()),
            returned=hot.returning(known),
            used=[Use(*used) for used in hot.used.items()],
        )
        return Changed(hot, plan, turn, cosines)

    async def cosines(self, hot: Hot, x: Vector) -> Vector:
        """Those of the unit vector `x`, shape (d,), to the session's rows, shape (count,)."""
        if hot.session.memories.vectors.codes.size <= LARGE:
            return hot.session.memories.cosines(x[None]).reshape(-1)
        async with hot.lock:
            return (await self.scan(hot.session, x[None])).reshape(-1)

    async def entities(self, hot: Hot, q: str, limit: int) -> tuple[list[Entry], int]:
        """`Literals.search`, on a thread where it would hold up the loop."""
        literals = hot.session.literals
        if literals.text_bytes <= LARGE_TEXT:
            return literals.search(q, limit)
        async with hot.lock:
            return await asyncio.to_thread(literals.search, q, limit)

    async def _archived(self, hot: Hot, folds: Sequence[bytes]) -> list[MemoryRecord]:
        """Archived memories that say the same as what is about to be learnt."""
        if not hot.session.archived or not folds:
            return []
        known = await self._store.archived_by_folds(hot.key, folds)
        return [decode_memory(payload) for payload in known]

    async def scan(self, session: Session, queries: Vector) -> Vector:
        """`Memories.cosines`, on a thread where it would hold up the loop; needs the lock."""
        memories = session.memories
        if memories.vectors.codes.size <= LARGE:
            return memories.cosines(queries)
        return await asyncio.to_thread(memories.cosines, queries)
