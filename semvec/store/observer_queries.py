"""Queries of observers, of the regions that they observe, and of their anomalies."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, func, select

from semvec.store.tables import (
    anomalies,
    clusters,
    observer_regions,
    observers,
    region_clusters,
    regions,
    sessions,
)


@dataclass(frozen=True, slots=True)
class ObserverRow:
    """An observer. `standing` are the names of the conditions that held at the last sample."""

    key: int
    owner: str
    observer_id: str
    interval_s: float
    last_sample_at: float | None
    version: int
    last_anomaly: int
    standing: tuple[str, ...]
    regions: int
    anomalies: int


@dataclass(frozen=True, slots=True)
class DueRow:
    key: int
    owner: str
    due_at: float
    interval_s: float


@dataclass(frozen=True, slots=True)
class AnomalyRow:
    number: int
    type: str
    at: float
    details: dict[str, Any]


SightRow = tuple[int, str, int, str, str | None, str | None, int]
"""Key and id of a region; key and id of a cluster in it; the cluster's phase and drift phase, None
if unknown; its interactions."""

SELECT_OBSERVED_REGIONS = select(func.count()).where(
    observer_regions.c.observer_key == observers.c.key
)
ANOMALIES = select(func.count()).where(anomalies.c.observer_key == observers.c.key)
OBSERVER = select(
    observers.c.key,
    observers.c.owner,
    observers.c.observer_id,
    observers.c.interval_s,
    observers.c.last_sample_at,
    observers.c.version,
    observers.c.last_anomaly,
    observers.c.standing,
    SELECT_OBSERVED_REGIONS.scalar_subquery(),
    ANOMALIES.scalar_subquery(),
).where(observers.c.owner == bindparam("owner"))
SELECT_DUE = (
    select(observers.c.key, observers.c.owner, observers.c.due_at, observers.c.interval_s)
    .where(observers.c.due_at <= bindparam("now"))
    .order_by(observers.c.due_at, observers.c.key)
    .limit(bindparam("limit"))
)
REGION_KEYS = select(regions.c.region_id, regions.c.key).where(
    regions.c.owner == bindparam("owner"),
    regions.c.region_id.in_(bindparam("region_ids", expanding=True)),
)
REGISTERED = select(func.count()).where(
    observer_regions.c.observer_key == bindparam("observer"),
    observer_regions.c.region_key == bindparam("region"),
)
HELD = observer_regions.join(
    region_clusters, region_clusters.c.region_key == observer_regions.c.region_key
)
OBSERVED = (
    select(func.count(region_clusters.c.cluster_key.distinct()))
    .select_from(HELD)
    .where(observer_regions.c.observer_key == bindparam("observer"))
)
SIGHTS = (
    select(
        regions.c.key,
        regions.c.region_id,
        clusters.c.key,
        clusters.c.cluster_id,
        sessions.c.phase,
        sessions.c.drift_phase,
        sessions.c.interaction_count,
    )
    .select_from(
        HELD.join(regions, regions.c.key == observer_regions.c.region_key)
        .join(clusters, clusters.c.key == region_clusters.c.cluster_key)
        .join(sessions, sessions.c.key == region_clusters.c.cluster_key)
    )
    .where(observer_regions.c.observer_key == bindparam("observer"))
    .order_by(regions.c.key, clusters.c.key)
)
LOG = select(anomalies.c.number, anomalies.c.type, anomalies.c.at, anomalies.c.details).where(
    anomalies.c.observer_key == bindparam("observer")
)
ANOMALIES_BEFORE = (
    LOG.where(anomalies.c.number < bindparam("before"))
    .order_by(anomalies.c.number.desc())
    .limit(bindparam("limit"))
)
ANOMALIES_AFTER = (
    LOG.where(anomalies.c.number > bindparam("after"))
    .order_by(anomalies.c.number)
    .limit(bindparam("limit"))
)


def observer(connection: Connection, owner: str) -> ObserverRow | None:
    row = connection.execute(OBSERVER, {"owner": owner}).first()
    if row is None:
        return None
    fields = [*row]
    fields[7] = tuple(json.loads(fields[7]))
    return ObserverRow(*fields)


def due(connection: Connection, now: float, limit: int) -> list[DueRow]:
    """Return the observers whose samples are due, the longest overdue first."""
    return [DueRow(*row) for row in connection.execute(SELECT_DUE, {"now": now, "limit": limit})]


def region_keys(connection: Connection, owner: str, region_ids: Sequence[str]) -> dict[str, int]:
    """Return keys by id, of the regions that the owner has."""
    bound = {"owner": owner, "region_ids": region_ids}
    return {row.region_id: row.key for row in connection.execute(REGION_KEYS, bound)}


def is_registered(connection: Connection, observer: int, region: int) -> bool:
    return connection.scalar(REGISTERED, {"observer": observer, "region": region}) == 1


def observed(connection: Connection, observer: int) -> int:
    """Return the number of distinct clusters in an observer's regions."""
    return connection.scalar(OBSERVED, {"observer": observer}) or 0


def sights(connection: Connection, observer: int) -> Sequence[SightRow]:
    """Return every cluster in every region of an observer, all as of one moment."""
    rows: Sequence[Any] = connection.execute(SIGHTS, {"observer": observer}).all()
    return rows


def anomalies_before(
    connection: Connection, observer: int, limit: int, before: int
) -> list[AnomalyRow]:
    """Return anomalies with a number below `before`, newest first."""
    bound = {"observer": observer, "limit": limit, "before": before}
    return [_anomaly(row) for row in connection.execute(ANOMALIES_BEFORE, bound)]


def anomalies_after(
    connection: Connection, observer: int, limit: int, after: int
) -> list[AnomalyRow]:
    """Return anomalies with a number above `after`, oldest first."""
    bound = {"observer": observer, "limit": limit, "after": after}
    return [_anomaly(row) for row in connection.execute(ANOMALIES_AFTER, bound)]


def _anomaly(row: Any) -> AnomalyRow:
    number, kind, at, details = row
    return AnomalyRow(number, kind, at, json.loads(details))
