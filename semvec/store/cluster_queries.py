"""Queries of clusters and regions, which rebuild no session."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import Connection, Select, bindparam, func, select

from semvec.store.reads import NEWEST_ARCHIVED
from semvec.store.records import HeadSummary, SessionKind
from semvec.store.tables import (
    clusters,
    drift_events,
    members,
    region_clusters,
    regions,
    sessions,
    votes,
)

Phase = Literal["stable", "shifting", "drifted"]

CLUSTERS_PER_QUERY = 500
"""Keys in one statement."""


@dataclass(frozen=True, slots=True)
class ClusterRow:
    """A cluster, the number of its members, and the head of its backing session."""

    key: int
    owner: str
    cluster_id: str
    name: str
    mode: str
    coupling: float
    members: int
    dimension: int
    mean: bytes
    place: HeadSummary


@dataclass(frozen=True, slots=True)
class MemberRow:
    """A member of a cluster. `mean` is None if an earlier release wrote the session's last
    event."""

    cluster: int
    key: int
    session_id: str
    interaction_count: int
    mean: bytes | None


@dataclass(frozen=True, slots=True)
class RegionRow:
    """A region. `clusters` is the number of attached clusters."""

    key: int
    owner: str
    region_id: str
    name: str
    threshold: float
    window_s: float
    version: int
    last_event: int
    last_realignment: float | None
    dimension: int
    clusters: int


@dataclass(frozen=True, slots=True)
class DriftEventRow:
    number: int
    cluster_id: str
    score: float
    phase: Phase
    at: float


HEAD_SUMMARY_COLUMNS = (
    sessions.c.key,
    sessions.c.owner,
    sessions.c.session_id,
    sessions.c.seq,
    sessions.c.snapshot_seq,
    sessions.c.last_used_at,
    sessions.c.interaction_count,
    sessions.c.total_memories,
    sessions.c.dimension,
    sessions.c.mean,
    sessions.c.phase,
    sessions.c.drift_phase,
    sessions.c.line,
)
SELECT_HEAD_SUMMARIES: Select[Any] = (
    select(*HEAD_SUMMARY_COLUMNS)
    .where(sessions.c.key.in_(bindparam("keys", expanding=True)))
    .order_by(sessions.c.key)
)
CLUSTER_COLUMNS = (
    select(func.count()).where(members.c.cluster_key == clusters.c.key).scalar_subquery()
)
CLUSTERS: Select[Any] = select(
    clusters.c.name, clusters.c.mode, clusters.c.coupling, CLUSTER_COLUMNS, *HEAD_SUMMARY_COLUMNS
).join(sessions, sessions.c.key == clusters.c.key)
CLUSTER = CLUSTERS.where(
    sessions.c.owner == bindparam("owner"),
    sessions.c.session_id == bindparam("cluster_id"),
    sessions.c.kind == SessionKind.BACKING,
)
PAGE_OF_CLUSTERS = (
    CLUSTERS.where(clusters.c.owner == bindparam("owner"), clusters.c.key < bindparam("before"))
    .order_by(clusters.c.key.desc())
    .limit(bindparam("limit"))
)
COUNT_CLUSTERS = select(func.count()).where(clusters.c.owner == bindparam("owner"))
SELECT_ATTACHED = (
    CLUSTERS.join(region_clusters, region_clusters.c.cluster_key == clusters.c.key)
    .where(region_clusters.c.region_key == bindparam("region"))
    .order_by(region_clusters.c.cluster_key)
)
SELECT_MEMBERS = (
    select(
        members.c.cluster_key,
        sessions.c.key,
        sessions.c.session_id,
        sessions.c.interaction_count,
        sessions.c.mean,
    )
    .join(sessions, sessions.c.key == members.c.session_key)
    .where(members.c.cluster_key.in_(bindparam("keys", expanding=True)))
    .order_by(members.c.cluster_key, members.c.session_key)
)
IS_MEMBER = select(members.c.session_key).where(
    members.c.cluster_key == bindparam("cluster"), members.c.session_key == bindparam("session")
)
ATTACHED_COUNT = (
    select(func.count()).where(region_clusters.c.region_key == regions.c.key).scalar_subquery()
)
SELECT_REGIONS: Select[Any] = select(
    regions.c.key,
    regions.c.owner,
    regions.c.region_id,
    regions.c.name,
    regions.c.threshold,
    regions.c.window_s,
    regions.c.version,
    regions.c.last_event,
    regions.c.last_realignment,
    sessions.c.dimension,
    ATTACHED_COUNT,
).join(sessions, sessions.c.key == regions.c.key)
REGION = SELECT_REGIONS.where(
    sessions.c.owner == bindparam("owner"), sessions.c.session_id == bindparam("region_id")
)
REGION_BY_KEY = SELECT_REGIONS.where(regions.c.key == bindparam("key"))
PAGE_OF_REGIONS = (
    SELECT_REGIONS.where(regions.c.owner == bindparam("owner"), regions.c.key < bindparam("before"))
    .order_by(regions.c.key.desc())
    .limit(bindparam("limit"))
)
COUNT_OWNED_REGIONS = select(func.count()).where(regions.c.owner == bindparam("owner"))
SELECT_IS_ATTACHED = select(region_clusters.c.cluster_key).where(
    region_clusters.c.region_key == bindparam("region"),
    region_clusters.c.cluster_key == bindparam("cluster"),
)
VOTES = select(votes.c.cluster_key, votes.c.at).where(votes.c.region_key == bindparam("region"))
VOTED = select(votes.c.region_key).distinct()
DRIFT_EVENTS = select(
    drift_events.c.number,
    drift_events.c.cluster_id,
    drift_events.c.score,
    drift_events.c.phase,
    drift_events.c.at,
).where(drift_events.c.region_key == bindparam("region"))
EVENTS_BEFORE = (
    DRIFT_EVENTS.where(drift_events.c.number < bindparam("before"))
    .order_by(drift_events.c.number.desc())
    .limit(bindparam("limit"))
)
EVENTS_AFTER = (
    DRIFT_EVENTS.where(drift_events.c.number > bindparam("after"))
    .order_by(drift_events.c.number)
    .limit(bindparam("limit"))
)
COUNT_EVENTS = select(func.count()).where(drift_events.c.region_key == bindparam("region"))


def cluster(connection: Connection, owner: str, cluster_id: str) -> ClusterRow | None:
    found = connection.execute(CLUSTER, {"owner": owner, "cluster_id": cluster_id}).first()
    return None if found is None else _cluster(found)


def page_of_clusters(
    connection: Connection, owner: str, limit: int, before: int | None
) -> list[ClusterRow]:
    """Return an owner's clusters with a key below `before`, newest first."""
    bound = {
        "owner": owner,
        "limit": limit,
        "before": NEWEST_ARCHIVED if before is None else before,
    }
    return [_cluster(row) for row in connection.execute(PAGE_OF_CLUSTERS, bound)]


def count_clusters(connection: Connection, owner: str) -> int:
    return connection.execute(COUNT_CLUSTERS, {"owner": owner}).scalar_one()


def attached(connection: Connection, region: int) -> list[ClusterRow]:
    """Return the clusters of a region, by ascending key."""
    return [_cluster(row) for row in connection.execute(SELECT_ATTACHED, {"region": region})]


def members_of(connection: Connection, keys: Sequence[int]) -> list[MemberRow]:
    """Return the members of these clusters, ordered by cluster key, then session key."""
    found: list[MemberRow] = []
    for some in _some(sorted(keys)):
        found += [MemberRow(*row) for row in connection.execute(SELECT_MEMBERS, {"keys": some})]
    return found


def is_member(connection: Connection, cluster: int, session: int) -> bool:
    bound = {"cluster": cluster, "session": session}
    return connection.execute(IS_MEMBER, bound).first() is not None


def head_summaries(connection: Connection, keys: Sequence[int]) -> list[HeadSummary]:
    """Return head summaries by ascending key; `mean` is None for those that an earlier release
    wrote."""
    found: list[HeadSummary] = []
    for some in _some(sorted(keys)):
        found += [
            HeadSummary(*row) for row in connection.execute(SELECT_HEAD_SUMMARIES, {"keys": some})
        ]
    return found


def region(connection: Connection, owner: str, region_id: str) -> RegionRow | None:
    found = connection.execute(REGION, {"owner": owner, "region_id": region_id}).first()
    return None if found is None else RegionRow(*found)


def region_by_key(connection: Connection, key: int) -> RegionRow | None:
    found = connection.execute(REGION_BY_KEY, {"key": key}).first()
    return None if found is None else RegionRow(*found)


def page_of_regions(
    connection: Connection, owner: str, limit: int, before: int | None
) -> list[RegionRow]:
    """Return an owner's regions with a key below `before`, newest first."""
    bound = {
        "owner": owner,
        "limit": limit,
        "before": NEWEST_ARCHIVED if before is None else before,
    }
    return [RegionRow(*row) for row in connection.execute(PAGE_OF_REGIONS, bound)]


def count_regions(connection: Connection, owner: str) -> int:
    return connection.execute(COUNT_OWNED_REGIONS, {"owner": owner}).scalar_one()


def is_attached(connection: Connection, region: int, cluster: int) -> bool:
    bound = {"region": region, "cluster": cluster}
    return connection.execute(SELECT_IS_ATTACHED, bound).first() is not None


def votes_of(connection: Connection, region: int) -> list[tuple[int, float]]:
    """Return the cluster and time of each vote."""
    return [(cluster, at) for cluster, at in connection.execute(VOTES, {"region": region})]


def voted(connection: Connection) -> list[int]:
    """Return the regions that have votes."""
    return list(connection.scalars(VOTED))


def events_before(
    connection: Connection, region: int, limit: int, before: int | None
) -> list[DriftEventRow]:
    """Return drift events with a number below `before`, newest first."""
    bound = {
        "region": region,
        "limit": limit,
        "before": NEWEST_ARCHIVED if before is None else before,
    }
    return [DriftEventRow(*row) for row in connection.execute(EVENTS_BEFORE, bound)]


def events_after(
    connection: Connection, region: int, limit: int, after: int
) -> list[DriftEventRow]:
    """Return drift events with a number above `after`, oldest first."""
    bound = {"region": region, "limit": limit, "after": after}
    return [DriftEventRow(*row) for row in connection.execute(EVENTS_AFTER, bound)]


def count_events(connection: Connection, region: int) -> int:
    return connection.execute(COUNT_EVENTS, {"region": region}).scalar_one()


def _cluster(row: Sequence[Any]) -> ClusterRow:
    name, mode, coupling, count, *rest = row
    place = HeadSummary(*rest)
    assert place.dimension is not None
    assert place.mean is not None
    return ClusterRow(
        key=place.key,
        owner=place.owner,
        cluster_id=place.session_id,
        name=name,
        mode=mode,
        coupling=coupling,
        members=count,
        dimension=place.dimension,
        mean=place.mean,
        place=place,
    )


def _some(keys: Sequence[int]) -> list[Sequence[int]]:
    return [
        keys[start : start + CLUSTERS_PER_QUERY]
        for start in range(0, len(keys), CLUSTERS_PER_QUERY)
    ]
