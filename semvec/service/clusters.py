"""Clusters: sessions that are read, written and moved together."""

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from operator import attrgetter
from typing import get_args

from semvec import answers
from semvec.cache import SessionCache, session_not_found
from semvec.cache.bulk_writer import BulkWriter
from semvec.clock import Clock
from semvec.errors import Conflict, Malformed, NotFound, Unavailable
from semvec.groups.cluster import Mode
from semvec.intake import Intake, NewSession
from semvec.paging import Page, page_of
from semvec.service.cluster_aggregator import ClusterAggregator
from semvec.service.region_realigner import RegionRealigner
from semvec.service.state_mover import StateMover
from semvec.session.events import SessionCreated
from semvec.store import Head, SessionKind, Store
from semvec.store.cluster_queries import (
    ClusterRow,
    cluster,
    count_clusters,
    head_summaries,
    is_member,
    members_of,
    page_of_clusters,
)
from semvec.store.cluster_writes import MAX_MEMBERS, AddCluster, Disband, Join, Leave, regions_of

MAX_CLUSTER_ATTEMPTS = 100
"""Conflicts with other changes before one fails."""


class Clusters:
    def __init__(
        self,
        store: Store,
        hot: SessionCache,
        intake: Intake,
        steering: BulkWriter,
        gathering: ClusterAggregator,
        moving: StateMover,
        realigning: RegionRealigner,
        clock: Clock,
        new_id: Callable[[], str],
    ) -> None:
        self._store, self._hot, self._intake = store, hot, intake
        self._steering, self._gathering, self._moving = steering, gathering, moving
        self._realigning = realigning
        self._clock, self._new_id = clock, new_id

    async def create(
        self,
        owner: str,
        cluster_id: str | None,
        *,
        name: str,
        mode: str,
        coupling: float,
        dimension: int | None,
    ) -> answers.ClusterInfo:
        if mode not in get_args(Mode):
            raise Malformed(f"aggregation_mode is {mode!r}, not one of {', '.join(get_args(Mode))}")
        profile = self._intake.profile(NewSession(dimension=dimension))
        made_id = cluster_id or self._new_id()
        created, row = SessionCreated(self._clock(), profile), AddCluster(name, mode, coupling)
        if not await self._hot.add((owner, made_id), created, row, kind=SessionKind.BACKING):
            raise id_taken(cluster_id)
        return answers.ClusterInfo(made_id, name, mode, coupling, profile.dimension)

    async def page(
        self, owner: str, *, limit: int, cursor: str | None
    ) -> Page[answers.ClusterItem]:
        """Return the owner's clusters, newest first."""
        opaque = self._store.opaque
        before = opaque.position(cursor, "clusters", owner) if cursor is not None else None
        rows = await self._store.query(page_of_clusters, owner, limit + 1, before)
        total = await self._store.query(count_clusters, owner)
        cursors = partial(opaque.cursor, list="clusters", owner=owner)
        return page_of(rows, limit, cluster_item, attrgetter("key"), total, cursors)

    async def state(self, owner: str, cluster_id: str) -> answers.ClusterState:
        found = await self._cluster(owner, cluster_id)
        pointing = await self._gathering.aggregates([found])
        place = found.place
        return answers.ClusterState(
            cluster_id=cluster_id,
            name=found.name,
            aggregation_mode=found.mode,
            coupling_factor=found.coupling,
            dimension=found.dimension,
            member_count=found.members,
            phase=place.phase or "initialization",
            drift_phase=place.drift_phase or "stable",
            interaction_count=place.interaction_count,
            total_memories=place.total_memories,
            aggregate_vector=pointing[found.key].tolist(),
        )

    async def delete(self, owner: str, cluster_id: str) -> answers.Deleted:
        """Erase the cluster and its backing session; its members stay. Its regions are reviewed
        without it."""
        for _ in range(MAX_CLUSTER_ATTEMPTS):
            found = await self._cluster(owner, cluster_id)
            regions = await self._store.query(regions_of, found.key)
            leave = Disband(found.key, regions)
            if await self._hot.erase((owner, cluster_id), found.key, leave):
                await self._realigning.review(regions)
                return answers.Deleted(True)
        raise cluster_busy("cluster")

    async def add(self, owner: str, cluster_id: str, session_id: str) -> answers.MemberAdded:
        for _ in range(MAX_CLUSTER_ATTEMPTS):
            found = await self._cluster(owner, cluster_id)
            session = await self._member(owner, session_id, found)
            if await self._store.query(is_member, found.key, session.key):
                return answers.MemberAdded(cluster_id, session_id, added=False)
            if found.members >= MAX_MEMBERS:
                raise Conflict(f"cluster {cluster_id!r} has {MAX_MEMBERS} members, the most it may")
            if await self._store.try_transact(Join(found.key, session.key)):
                return answers.MemberAdded(cluster_id, session_id, added=True)
        raise cluster_busy("cluster")

    async def remove(self, owner: str, cluster_id: str, session_id: str) -> answers.MemberRemoved:
        """Remove a member. Raises NotFound also for a session that is no member."""
        for _ in range(MAX_CLUSTER_ATTEMPTS):
            found = await self._cluster(owner, cluster_id)
            session = await self._store.head(owner, session_id)
            if session is None:
                raise session_not_found(session_id)
            if not await self._store.query(is_member, found.key, session.key):
                raise NotFound(f"session {session_id!r} is no member of cluster {cluster_id!r}")
            if await self._store.try_transact(Leave(found.key, session.key)):
                return answers.MemberRemoved(cluster_id, session_id, removed=True)
        raise cluster_busy("cluster")

    async def feedback(self, owner: str, cluster_id: str) -> answers.ClusterFeedback:
        """Move each member's state towards the aggregate by the coupling factor, all in one
        transaction."""
        for _ in range(MAX_CLUSTER_ATTEMPTS):
            found = await self._cluster(owner, cluster_id)
            direction = (await self._gathering.aggregates([found]))[found.key]
            if found.coupling <= 0.0 or not direction.any():
                return answers.ClusterFeedback(cluster_id, 0)
            rows = await self._store.query(members_of, [found.key])
            standing = await self._store.query(head_summaries, [row.key for row in rows])
            shares = [(place, found.coupling) for place in standing]
            with suppress(NotFound):  # deleted since
                moves = await self._moving.move_toward(direction, shares, self._clock())
                if await self._steering.write_all(moves):
                    return answers.ClusterFeedback(cluster_id, len(moves))
        raise cluster_busy("cluster")

    async def check(self, owner: str, cluster_id: str, session_id: str | None = None) -> None:
        """Raise NotFound unless the owner has this cluster, and the session, if given, is its
        backing session."""
        await self._cluster(owner, cluster_id)
        if session_id not in (None, cluster_id):
            raise NotFound(f"session {session_id!r} is not the one behind cluster {cluster_id!r}")

    async def _cluster(self, owner: str, cluster_id: str) -> ClusterRow:
        found = await self._store.query(cluster, owner, cluster_id)
        if found is None:
            raise cluster_not_found(cluster_id)
        return found

    async def _member(self, owner: str, session_id: str, found: ClusterRow) -> Head:
        """Return the head of a session that may join. Raises NotFound or Conflict."""
        head = await self._store.head(owner, session_id)
        if head is None:
            raise session_not_found(session_id)
        if head.kind != SessionKind.PLAIN:
            raise Conflict(f"session {session_id!r} stands behind a cluster or a region")
        dimension = head.dimension
        if dimension is None:
            dimension = (await self._hot.get((owner, session_id))).session.profile.dimension
        if dimension != found.dimension:
            raise Conflict(
                f"session {session_id!r} has vectors of {dimension} numbers, cluster "
                f"{found.cluster_id!r} of {found.dimension}"
            )
        return head


def cluster_item(row: ClusterRow) -> answers.ClusterItem:
    return answers.ClusterItem(row.cluster_id, row.name, row.members)


def cluster_not_found(cluster_id: str) -> NotFound:
    return NotFound(f"cluster {cluster_id!r} not found")


def id_taken(explicit: str | None) -> Conflict | Unavailable:
    """Return the error for an id that is in use."""
    if explicit is None:
        return Unavailable("a new id was taken already")
    return Conflict(f"{explicit!r} exists: sessions, clusters and regions share their ids")


def cluster_busy(kind: str) -> Unavailable:
    return Unavailable(f"too many changes of this {kind} at once")
