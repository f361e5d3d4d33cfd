"""Moves of many sessions' states towards one vector."""

import asyncio
from collections.abc import Sequence

from semvec.cache import SessionCache, StateMove
from semvec.cache.cached_session import SNAPSHOT_EVERY
from semvec.persistence import append_of, moved_append
from semvec.session.events import StateMoved
from semvec.session.head_state import plan_move
from semvec.session.session import Session
from semvec.store import HeadSummary
from semvec.vectors import Vector

MAX_MOVED_SESSIONS = 2 * SNAPSHOT_EVERY
"""Events since the snapshot above which a session is loaded, so that a new snapshot is taken."""
MOVE_BATCH = 64
"""Sessions between two yields to the event loop."""


class StateMover:
    def __init__(self, hot: SessionCache) -> None:
        self._hot = hot

    async def move_toward(
        self, direction: Vector, shares: Sequence[tuple[HeadSummary, float]], at: float
    ) -> list[StateMove]:
        """Plan the move of each session by its share of the way. Sessions are not loaded, except
        where a head has no state or the journal has grown long. Raises NotFound."""
        steered: list[StateMove] = []
        for place, share in shares:
            steered.append(await self._moved(place, direction, share, at))
            if len(steered) % MOVE_BATCH == 0:
                await asyncio.sleep(0)
        return steered

    async def _moved(
        self, place: HeadSummary, direction: Vector, share: float, at: float
    ) -> StateMove:
        def decide(session: Session) -> StateMoved:
            return plan_move(session.state.interaction_count, direction, share, at)

        name = place.owner, place.session_id
        if place.mean is None or place.seq - place.snapshot_seq > MAX_MOVED_SESSIONS:
            hot = await self._hot.get(name)
            blind = append_of(hot.key, hot.session, hot.line, decide(hot.session))
            return StateMove(name, place.key, decide, blind if hot.key == place.key else None)
        event = plan_move(place.interaction_count, direction, share, at)
        return StateMove(name, place.key, decide, moved_append(place, event))
