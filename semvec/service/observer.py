"""The observer of a licence subject: the regions it samples, and its anomaly log."""

from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import cast

from semvec import answers
from semvec.cache import SessionCache
from semvec.clock import Clock
from semvec.errors import Conflict, NotFound, Unavailable
from semvec.groups.observer import AnomalyType
from semvec.intake import Intake, NewSession
from semvec.paging import LARGEST_POSITION, Page, page_of, position_of
from semvec.service.event_feed import EventFeed, Notifier, check_reaches
from semvec.service.observer_sampler import observer_not_found
from semvec.session.events import Profile, SessionCreated
from semvec.store import SessionKind, Store
from semvec.store.observer_queries import (
    AnomalyRow,
    ObserverRow,
    anomalies_after,
    anomalies_before,
    is_registered,
    observed,
    observer,
    region_keys,
)
from semvec.store.observer_writes import (
    MAX_OBSERVED_REGIONS,
    AddObserver,
    ClearAnomalies,
    Register,
    Unregister,
)

MAX_OBSERVER_ATTEMPTS = 100
"""Conflicts with other changes before one fails."""
META_SESSION = "observer:meta"
"""Clients cannot choose this id, so a subject has one observer and its meta-session never
collides."""
DIMENSION = 384
"""Vector length of its meta-session if there is no embedder."""
RECENT_ANOMALIES = 10
"""Anomalies in a summary."""
STREAMED = 100
"""Anomalies that a stream reads at once."""


class Observer:
    def __init__(
        self,
        store: Store,
        hot: SessionCache,
        intake: Intake,
        bells: Notifier,
        clock: Clock,
        new_id: Callable[[], str],
    ) -> None:
        self._store, self._hot, self._intake = store, hot, intake
        self._bells, self._clock, self._new_id = bells, clock, new_id

    async def create(
        self, owner: str, *, interval_s: float, region_ids: Sequence[str]
    ) -> tuple[answers.ObserverInfo, bool]:
        """Return the observer, and whether it is new. An existing one stays unchanged. Raises
        NotFound for a region that the owner does not have."""
        for _ in range(MAX_OBSERVER_ATTEMPTS):
            keys = await self._regions(owner, region_ids)
            found = await self._store.query(observer, owner)
            if found is not None:
                return info(found.observer_id, found.regions), False
            now, observer_id = self._clock(), self._new_id()
            created = SessionCreated(now, self._profile())
            row = AddObserver(observer_id, interval_s, now + interval_s, keys)
            if await self._hot.add((owner, META_SESSION), created, row, kind=SessionKind.META):
                return info(observer_id, len(keys)), True
        raise observer_busy()

    async def summary(self, owner: str) -> answers.ObserverSummary:
        found = await self._observer(owner)
        recent = await self._store.query(
            anomalies_before, found.key, RECENT_ANOMALIES, LARGEST_POSITION
        )
        return answers.ObserverSummary(
            observer_id=found.observer_id,
            registered_regions=found.regions,
            total_clusters_observed=await self._store.query(observed, found.key),
            last_sample_at=found.last_sample_at,
            anomaly_count=found.anomalies,
            recent_anomalies=[anomaly(row) for row in recent],
            meta_session_id=META_SESSION,
            sample_interval_seconds=found.interval_s,
        )

    async def page(self, owner: str, *, limit: int, cursor: str | None) -> Page[answers.Anomaly]:
        """Return the log, newest first."""
        found = await self._observer(owner)
        before = position_of(cursor) if cursor is not None else LARGEST_POSITION
        rows = await self._store.query(anomalies_before, found.key, limit + 1, before)
        return page_of(rows, limit, anomaly, attrgetter("number"), found.anomalies)

    async def clear(self, owner: str) -> answers.Cleared:
        """Empty the log. Anomalies that persist are not reported again."""
        for _ in range(MAX_OBSERVER_ATTEMPTS):
            found = await self._observer(owner)
            if await self._store.try_transact(
                ClearAnomalies(found.key, found.anomalies, found.last_anomaly)
            ):
                return answers.Cleared(found.anomalies)
        raise observer_busy()

    async def register(self, owner: str, region_id: str) -> answers.Registered:
        for _ in range(MAX_OBSERVER_ATTEMPTS):
            found, region = await self._observer(owner), await self._region(owner, region_id)
            if await self._store.query(is_registered, found.key, region):
                return answers.Registered(False)
            if found.regions >= MAX_OBSERVED_REGIONS:
                raise Conflict(f"the observer has {MAX_OBSERVED_REGIONS} regions, the most it may")
            if await self._store.try_transact(Register(found.key, region)):
                return answers.Registered(True)
        raise observer_busy()

    async def unregister(self, owner: str, region_id: str) -> answers.Unregistered:
        """Unregister a region. Raises NotFound also for one that is not registered."""
        for _ in range(MAX_OBSERVER_ATTEMPTS):
            found, region = await self._observer(owner), await self._region(owner, region_id)
            if not await self._store.query(is_registered, found.key, region):
                raise NotFound(f"region {region_id!r} is not registered with the observer")
            if await self._store.try_transact(Unregister(found.key, region)):
                return answers.Unregistered(True)
        raise observer_busy()

    async def follow(self, owner: str, after: int | None) -> EventFeed[answers.Anomaly]:
        """Follow the anomalies after a number, or from now on."""
        found = await self._observer(owner)

        async def read(last: int) -> list[tuple[int, answers.Anomaly]]:
            rows = await self._store.query(anomalies_after, found.key, STREAMED, last)
            if not rows:
                there = await self._observer(owner)
                check_reaches(there.last_anomaly, last)
            return [(row.number, anomaly(row)) for row in rows]

        start = found.last_anomaly if after is None else after
        return EventFeed(("observer", found.key), min(start, found.last_anomaly), read, self._bells)

    def _profile(self) -> Profile:
        default = None if self._intake.embeds else DIMENSION
        return self._intake.profile(NewSession(dimension=default))

    async def _observer(self, owner: str) -> ObserverRow:
        found = await self._store.query(observer, owner)
        if found is None:
            raise observer_not_found()
        return found

    async def _region(self, owner: str, region_id: str) -> int:
        (key,) = await self._regions(owner, [region_id])
        return key

    async def _regions(self, owner: str, region_ids: Sequence[str]) -> tuple[int, ...]:
        found = await self._store.query(region_keys, owner, region_ids)
        for region_id in region_ids:
            if region_id not in found:
                raise NotFound(f"region {region_id!r} not found")
        return tuple(sorted(found.values()))


def info(observer_id: str, regions: int) -> answers.ObserverInfo:
    return answers.ObserverInfo(observer_id, regions, META_SESSION)


def anomaly(row: AnomalyRow) -> answers.Anomaly:
    return answers.Anomaly(cast(AnomalyType, row.type), row.at, row.details)


def observer_busy() -> Unavailable:
    return Unavailable("too many changes of the observer at once")
