"""Samples of observed regions: on request, and in the background when due."""

import asyncio
import logging
import time
from collections.abc import Sequence
from functools import partial
from typing import cast

from semvec import answers
from semvec.cache import SessionCache
from semvec.clock import Clock
from semvec.errors import NotFound, SemvecError, Unavailable
from semvec.groups.observer import AnomalyCondition, ClusterSighting, conditions, new_conditions
from semvec.service.event_feed import Notifier
from semvec.session.drift import DriftPhase as DriftPhase
from semvec.session.state import SessionPhase
from semvec.store import Store
from semvec.store.observer_queries import DueRow, SightRow, due, observer, sights
from semvec.store.observer_writes import MAX_ANOMALIES, ClaimSample, NewAnomaly, StoreSample

log = logging.getLogger(__name__)

MAX_SAMPLE_ATTEMPTS = 100
"""Conflicts with other samples before one fails."""
LOOKS_S = 0.5
"""Interval at which due samples are looked for."""
SAMPLE_BATCH = 16
"""Samples that one process takes concurrently."""


class ObserverSampler:
    def __init__(self, store: Store, hot: SessionCache, bells: Notifier, clock: Clock) -> None:
        self._store, self._hot, self._bells, self._clock = store, hot, bells, clock
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="semvec-sampling")

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def sample(self, owner: str) -> answers.ObserverSample:
        """Sample an observer's regions now. Raises NotFound."""
        for _ in range(MAX_SAMPLE_ATTEMPTS):
            begun, now = time.perf_counter(), self._clock()
            found = await self._store.query(observer, owner)
            if found is None:
                raise observer_not_found()
            rows = await self._store.query(sights, found.key)
            standing, clusters = await asyncio.to_thread(seen_in, rows)
            fresh = new_conditions(standing, found.standing)
            names = tuple(each.name for each in standing)
            reported = tuple(NewAnomaly(each.type, each.details) for each in fresh)
            if await self._store.try_transact(
                StoreSample(found.key, found.version, now, names, reported)
            ):
                await self._hot.locks.after_commit(partial(self._ring, found.key))
                return answers.ObserverSample(
                    sampled_at=now,
                    sample_duration_ms=1000.0 * (time.perf_counter() - begun),
                    regions_sampled=found.regions,
                    regions_registered=found.regions,
                    clusters_sampled=clusters,
                    new_anomalies=len(fresh),
                    total_anomalies=min(MAX_ANOMALIES, found.anomalies + len(fresh)),
                )
        raise Unavailable("too many samples of one observer at once")

    async def take_due(self) -> int:
        """Take all due samples that no other process has claimed, until one fails. Return their
        number."""
        taken = 0
        while True:
            waiting = await self._store.query(due, self._clock(), SAMPLE_BATCH)
            done = await asyncio.gather(*map(self._take, waiting), return_exceptions=True)
            taken += done.count(True)
            failures = [each for each in done if isinstance(each, BaseException)]
            for error in failures:
                log.warning("a sample is left out", exc_info=error)
            if failures or len(waiting) < SAMPLE_BATCH:
                return taken

    async def _run(self) -> None:
        """Take due samples in a loop. A late sample is not repeated for the intervals it missed."""
        while True:
            await asyncio.sleep(LOOKS_S)
            try:
                await self.take_due()
            except SemvecError as error:
                log.warning("samples have to wait: %s", error)
            except Exception:
                log.exception("samples have to wait")

    async def _take(self, row: DueRow) -> bool:
        if not await self._store.try_transact(
            ClaimSample(row.key, row.due_at, self._clock() + row.interval_s)
        ):
            return False
        try:
            await self.sample(row.owner)
        except NotFound:
            return False
        return True

    async def _ring(self, key: int) -> None:
        self._bells.notify(("observer", key))


def seen_in(rows: Sequence[SightRow]) -> tuple[list[AnomalyCondition], int]:
    """Return the anomaly conditions that hold, and the number of clusters."""
    sights = [
        ClusterSighting(
            region=region,
            region_id=region_id,
            cluster=cluster,
            cluster_id=cluster_id,
            phase=cast(SessionPhase, phase or "initialization"),
            drift_phase=cast(DriftPhase, drift_phase or "stable"),
            interaction_count=interactions,
        )
        for region, region_id, cluster, cluster_id, phase, drift_phase, interactions in rows
    ]
    return conditions(sights), len({sight.cluster for sight in sights})


def observer_not_found() -> NotFound:
    return NotFound("observer not found")
