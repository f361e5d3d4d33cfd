"""The states of many sessions on their way to one vector."""

import asyncio
from collections.abc import Sequence

from semvec.hot import HotSessions, Steered
from semvec.hot.copy import SNAPSHOT_EVERY
from semvec.persistence import append_of, moved_append
from semvec.session.events import Moved
from semvec.session.session import Session
from semvec.session.steering import moved
from semvec.store import Place
from semvec.vectors import Vector

LONGEST = 2 * SNAPSHOT_EVERY
"""Events without a snapshot past which a session is loaded, so that one is taken."""
AT_ONCE = 64
"""Sessions after which others have a turn on the event loop."""


class Moving:
    def __init__(self, hot: HotSessions) -> None:
        self._hot = hot

    async def toward(
        self, direction: Vector, shares: Sequence[tuple[Place, float]], at: float
    ) -> list[Steered]:
        """What moves each session by its share of the way. Sessions are not loaded for that, but
        for those whose heads do not tell of their states, or whose journals have grown long. Raises
        NotFound."""
        steered: list[Steered] = []
        for place, share in shares:
            steered.append(await self._moved(place, direction, share, at))
            if len(steered) % AT_ONCE == 0:
                await asyncio.sleep(0)
        return steered

    async def _moved(self, place: Place, direction: Vector, share: float, at: float) -> Steered:
        def decide(session: Session) -> Moved:
            return moved(session.state.interaction_count, direction, share, at)

        name = place.owner, place.session_id
        if place.mean is None or place.seq - place.snapshot_seq > LONGEST:
            hot = await self._hot.get(name)
            blind = append_of(hot.key, hot.session, hot.line, decide(hot.session))
            return Steered(name, place.key, decide, blind if hot.key == place.key else None)
        event = moved(place.interaction_count, direction, share, at)
        return Steered(name, place.key, decide, moved_append(place, event))
