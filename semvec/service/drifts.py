"""From a cluster that drifts to the regions that hold it."""

import logging
from collections.abc import Sequence

from semvec.errors import SemvecError
from semvec.hot import Changed, Hot
from semvec.service.realigning import Realigning
from semvec.session.drift import Step
from semvec.session.events import Turn
from semvec.store import Kind, Part, Store
from semvec.store.groups import Drifted, regions_of

log = logging.getLogger(__name__)


class Drifts:
    def __init__(self, store: Store, realigning: Realigning) -> None:
        self._store, self._realigning = store, realigning

    async def beside(self, hot: Hot, turn: Turn) -> Sequence[Part]:
        """What a turn tells the regions: it commits with it, or not at all."""
        step = drifted(hot, turn)
        if step is None:
            return ()
        regions = await self._store.look(regions_of, hot.key)
        if not regions:
            return ()
        return (Drifted(hot.key, hot.name[1], regions, step.score, step.phase, turn.at),)

    async def told(self, changed: Changed) -> None:
        """Have the regions act on what is committed; what fails is left to their sweep."""
        if drifted(changed.hot, changed.turn) is None:
            return
        try:
            regions = await self._store.look(regions_of, changed.hot.key)
        except SemvecError as error:
            log.warning(
                "regions of session %d do not hear of a drift yet: %s", changed.hot.key, error
            )
            return
        await self._realigning.review(regions)


def drifted(hot: Hot, turn: Turn) -> Step | None:
    """The surest switch of a turn, if the session backs a cluster."""
    steps = [each.step for each in turn.heard if each.step.detected]
    if hot.kind is not Kind.BACKING or not steps:
        return None
    return max(steps, key=lambda step: step.score)
