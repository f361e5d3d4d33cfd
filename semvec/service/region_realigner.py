"""Realignment of regions: after enough drift votes, clusters move towards their common
direction."""

import asyncio
import logging
from collections.abc import Iterable, Sequence
from functools import partial
from weakref import WeakValueDictionary

import numpy as np

from semvec.cache import SessionCache, StateMove
from semvec.cache.bulk_writer import BulkWriter
from semvec.clock import Clock
from semvec.errors import NotFound, SemvecError
from semvec.groups.region import Vote, agreed, consensus
from semvec.service.cluster_aggregator import ClusterAggregator
from semvec.service.event_feed import Notifier
from semvec.service.state_mover import StateMover
from semvec.session.head_state import plan_update
from semvec.store import Store
from semvec.store.cluster_queries import (
    ClusterRow,
    RegionRow,
    attached,
    region_by_key,
    voted,
    votes_of,
)
from semvec.store.cluster_writes import Expire, Realign

log = logging.getLogger(__name__)

MAX_REALIGN_ATTEMPTS = 100


class RegionRealigner:
    def __init__(
        self,
        store: Store,
        hot: SessionCache,
        steering: BulkWriter,
        gathering: ClusterAggregator,
        moving: StateMover,
        bells: Notifier,
        clock: Clock,
    ) -> None:
        self._store, self._hot, self._bells, self._clock = store, hot, bells, clock
        self._steering, self._gathering, self._moving = steering, gathering, moving
        self._turns: WeakValueDictionary[int, asyncio.Lock] = WeakValueDictionary()

    async def review(self, regions: Iterable[int]) -> None:
        """After the commit, notify the followers of these regions and realign those that agree. A
        failure is left to the sweep, as the votes are stored."""
        await self._hot.locks.after_commit(partial(self._act, tuple(regions)))

    async def _act(self, regions: Sequence[int]) -> None:
        for key in regions:
            self._bells.notify(("region", key))
            try:
                async with self._turns.setdefault(key, asyncio.Lock()):
                    await self._review(key)
            except SemvecError as error:
                log.warning("region %d is not reviewed: %s", key, error)
            except Exception:
                log.exception("region %d is not reviewed", key)

    async def sweep(self) -> None:
        """Review regions after failures or the end of a process, and expire old votes."""
        try:
            keys = await self._store.query(voted)
        except SemvecError as error:
            log.warning("regions are not reviewed: %s", error)
            return
        await self.review(keys)
        for key in keys:
            await self._expire(key)

    async def _review(self, key: int) -> None:
        for _ in range(MAX_REALIGN_ATTEMPTS):
            region = await self._store.query(region_by_key, key)
            if region is None:
                return
            clusters = await self._store.query(attached, key)
            votes = [Vote(*vote) for vote in await self._store.query(votes_of, key)]
            at = self._clock()
            keys = {each.key for each in clusters}
            if not agreed(
                votes, keys, threshold=region.threshold, window_s=region.window_s, now=at
            ):
                return
            try:
                if await self._realign(region, clusters, at):
                    return
            except NotFound:  # a session was deleted meanwhile
                continue
        log.warning("region %d is not realigned: it changes all the time", key)

    async def _realign(self, region: RegionRow, clusters: Sequence[ClusterRow], at: float) -> bool:
        """Write one transaction over the region, its meta-session and the backing sessions. Return
        False if any of them has changed meanwhile."""
        pointing = await self._gathering.aggregates(clusters)
        direction = consensus(np.array([*pointing.values()]))
        steered: list[StateMove] = []
        if direction is not None:
            coupled = [(each.place, each.coupling) for each in clusters if each.coupling > 0.0]
            steered += await self._moving.move_toward(direction, coupled, at)
            meta = await self._hot.get((region.owner, region.region_id))
            steered.append(
                StateMove(
                    meta.name, region.key, lambda session: plan_update(session, direction, at)
                )
            )
        return await self._steering.write_all(steered, Realign(region.key, region.version, at))

    async def _expire(self, key: int) -> None:
        try:
            region = await self._store.query(region_by_key, key)
            if region is not None:
                before = self._clock() - region.window_s
                votes = await self._store.query(votes_of, key)
                if any(at <= before for _, at in votes):
                    await self._store.transact(Expire(key, before))
        except SemvecError as error:
            log.warning("votes of region %d stay for now: %s", key, error)
