"""Propagate drift from a cluster to the regions that contain it."""

from collections.abc import Sequence
from contextlib import suppress

from semvec.cache import CachedSession, ChangeResult
from semvec.errors import SemvecError
from semvec.service.region_realigner import RegionRealigner
from semvec.session.drift import Step
from semvec.session.events import Turn
from semvec.store import Operation, SessionKind, Store
from semvec.store.cluster_writes import Drifted, regions_of


class DriftPropagator:
    def __init__(self, store: Store, realigning: RegionRealigner) -> None:
        self._store, self._realigning = store, realigning

    async def operations_for(self, hot: CachedSession, turn: Turn) -> Sequence[Operation]:
        """Return the drift votes of a turn, to commit in the turn's own transaction."""
        step = drifted(hot, turn)
        if step is None:
            return ()
        regions = await self._store.query(regions_of, hot.key)
        if not regions:
            return ()
        return (Drifted(hot.key, hot.name[1], regions, step.score, step.phase, turn.at),)

    async def notify(self, changed: ChangeResult) -> None:
        """Make the regions count the votes, after the commit."""
        if drifted(changed.hot, changed.turn) is not None:
            with suppress(SemvecError):  # the votes are committed: the sweep counts them
                await self._realigning.review(await self._store.query(regions_of, changed.hot.key))


def drifted(hot: CachedSession, turn: Turn) -> Step | None:
    """Return the highest-scored drift of a turn, if the session backs a cluster."""
    steps = [each.step for each in turn.heard if each.step.detected]
    if hot.kind is not SessionKind.BACKING or not steps:
        return None
    return max(steps, key=lambda step: step.score)
