"""Regions: clusters that realign together once enough of them have drifted."""

from collections.abc import Callable
from functools import partial
from operator import attrgetter

from semvec import answers
from semvec.cache import SessionCache
from semvec.clock import Clock
from semvec.errors import Conflict, NotFound
from semvec.groups.region import Vote, voters
from semvec.intake import Intake, NewSession
from semvec.paging import Page, page_of, position_of
from semvec.service.clusters import MAX_CLUSTER_ATTEMPTS, cluster_busy, cluster_not_found, id_taken
from semvec.service.event_feed import EventFeed, Notifier, check_reaches
from semvec.service.region_realigner import RegionRealigner
from semvec.session.events import SessionCreated
from semvec.store import SessionKind, Store
from semvec.store.cluster_queries import (
    ClusterRow,
    DriftEventRow,
    RegionRow,
    cluster,
    count_events,
    count_regions,
    events_after,
    events_before,
    is_attached,
    page_of_regions,
    region,
    region_by_key,
    votes_of,
)
from semvec.store.cluster_writes import (
    MAX_MEMBERS,
    MAX_REGIONS_OF_CLUSTER,
    AddRegion,
    Attach,
    Detach,
    regions_of,
)

RECENT_DRIFT_EVENTS = 10
"""Drift events in the state of a region."""
REGIONS_PER_QUERY = 256
"""Drift events that a stream reads at once."""


class Regions:
    def __init__(
        self,
        store: Store,
        hot: SessionCache,
        intake: Intake,
        realigning: RegionRealigner,
        bells: Notifier,
        clock: Clock,
        new_id: Callable[[], str],
    ) -> None:
        self._store, self._hot, self._intake = store, hot, intake
        self._realigning, self._bells = realigning, bells
        self._clock, self._new_id = clock, new_id

    async def create(
        self,
        owner: str,
        region_id: str | None,
        *,
        name: str,
        threshold: float,
        window_s: float,
        dimension: int | None,
    ) -> answers.RegionInfo:
        profile = self._intake.profile(NewSession(dimension=dimension))
        made_id = region_id or self._new_id()
        created, row = SessionCreated(self._clock(), profile), AddRegion(name, threshold, window_s)
        if not await self._hot.add((owner, made_id), created, row, kind=SessionKind.META):
            raise id_taken(region_id)
        return answers.RegionInfo(made_id, name, made_id, profile.dimension)

    async def page(self, owner: str, *, limit: int, cursor: str | None) -> Page[answers.RegionItem]:
        """The owner's regions, newest first."""
        opaque = self._store.opaque
        before = opaque.position(cursor, "regions", owner) if cursor is not None else None
        rows = await self._store.query(page_of_regions, owner, limit + 1, before)
        total = await self._store.query(count_regions, owner)
        cursors = partial(opaque.cursor, list="regions", owner=owner)
        return page_of(rows, limit, region_item, attrgetter("key"), total, cursors)

    async def state(self, owner: str, region_id: str) -> answers.RegionState:
        found = await self._region(owner, region_id)
        recent = await self._store.query(events_before, found.key, RECENT_DRIFT_EVENTS, None)
        votes = [Vote(*vote) for vote in await self._store.query(votes_of, found.key)]
        keys = [vote.cluster for vote in votes]
        return answers.RegionState(
            region_id=region_id,
            name=found.name,
            meta_session_id=region_id,
            dimension=found.dimension,
            cluster_count=found.clusters,
            consensus_threshold=found.threshold,
            vote_window_seconds=found.window_s,
            voting_cluster_count=len(voters(votes, keys, found.window_s, self._clock())),
            recent_drift_events=[drift_event(region_id, each) for each in recent],
            last_realignment=found.last_realignment,
        )

    async def delete(self, owner: str, region_id: str) -> answers.Deleted:
        """Erase the meta-session; clusters stay."""
        found = await self._region(owner, region_id)
        if not await self._hot.erase((owner, region_id), found.key):
            raise region_not_found(region_id)
        await self._realigning.review([found.key])
        return answers.Deleted(True)

    async def attach(self, owner: str, region_id: str, cluster_id: str) -> answers.Added:
        for _ in range(MAX_CLUSTER_ATTEMPTS):
            found, held = await self._both(owner, region_id, cluster_id)
            if held.dimension != found.dimension:
                raise Conflict(
                    f"cluster {cluster_id!r} has vectors of {held.dimension} numbers, region "
                    f"{region_id!r} of {found.dimension}"
                )
            if await self._store.query(is_attached, found.key, held.key):
                return answers.Added(False)
            if found.clusters >= MAX_MEMBERS:
                raise Conflict(f"region {region_id!r} has {MAX_MEMBERS} clusters, its most")
            if len(await self._store.query(regions_of, held.key)) >= MAX_REGIONS_OF_CLUSTER:
                raise Conflict(
                    f"cluster {cluster_id!r} is in {MAX_REGIONS_OF_CLUSTER} regions, its most"
                )
            if await self._store.try_transact(Attach(found.key, held.key)):
                return answers.Added(True)
        raise cluster_busy("region")

    async def detach(self, owner: str, region_id: str, cluster_id: str) -> answers.Removed:
        """Detach a cluster; the remaining votes may now be enough to realign. Raises NotFound also
        for a cluster that is not in the region."""
        for _ in range(MAX_CLUSTER_ATTEMPTS):
            found, held = await self._both(owner, region_id, cluster_id)
            if not await self._store.query(is_attached, found.key, held.key):
                raise NotFound(f"cluster {cluster_id!r} is not in region {region_id!r}")
            if await self._store.try_transact(Detach(found.key, held.key)):
                await self._realigning.review([found.key])
                return answers.Removed(True)
        raise cluster_busy("region")

    async def events(
        self, owner: str, region_id: str, *, limit: int, cursor: str | None
    ) -> Page[answers.DriftEvent]:
        """Return drift events, newest first."""
        found = await self._region(owner, region_id)
        before = position_of(cursor) if cursor is not None else None
        rows = await self._store.query(events_before, found.key, limit + 1, before)
        total = await self._store.query(count_events, found.key)
        item = partial(drift_event, region_id)
        return page_of(rows, limit, item, attrgetter("number"), total)

    async def follow(
        self, owner: str, region_id: str, after: int | None
    ) -> EventFeed[answers.DriftEvent]:
        """Follow the events after a number, or from now on. The feed ends when the region is
        deleted."""
        found = await self._region(owner, region_id)

        async def read(last: int) -> list[tuple[int, answers.DriftEvent]]:
            rows = await self._store.query(events_after, found.key, REGIONS_PER_QUERY, last)
            if not rows:
                there = await self._store.query(region_by_key, found.key)
                if there is None or (there.owner, there.region_id) != (owner, region_id):
                    raise region_not_found(region_id)
                check_reaches(there.last_event, last)
            return [(row.number, drift_event(region_id, row)) for row in rows]

        last = found.last_event if after is None else min(after, found.last_event)
        return EventFeed(("region", found.key), last, read, self._bells)

    async def _region(self, owner: str, region_id: str) -> RegionRow:
        found = await self._store.query(region, owner, region_id)
        if found is None:
            raise region_not_found(region_id)
        return found

    async def _both(
        self, owner: str, region_id: str, cluster_id: str
    ) -> tuple[RegionRow, ClusterRow]:
        found = await self._region(owner, region_id)
        held = await self._store.query(cluster, owner, cluster_id)
        if held is None:
            raise cluster_not_found(cluster_id)
        return found, held


def region_item(row: RegionRow) -> answers.RegionItem:
    return answers.RegionItem(row.region_id, row.name, row.clusters)


def drift_event(region_id: str, row: DriftEventRow) -> answers.DriftEvent:
    return answers.DriftEvent(
        cluster_id=row.cluster_id,
        region_id=region_id,
        drift_score=row.score,
        drift_phase=row.phase,
        timestamp=row.at,
        event_id=row.number,
    )


def region_not_found(region_id: str) -> NotFound:
    return NotFound(f"region {region_id!r} not found")
