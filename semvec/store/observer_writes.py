"""Writes of observers.

The head of an observer is its meta-session's. A row that names a region is changed with the
region's head locked too.
"""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, delete, func, insert, select, update

from semvec.store.observer_queries import REGISTERED
from semvec.store.records import GuardedChange, Head, UnconditionalChange
from semvec.store.tables import anomalies, observer_regions, observers

MAX_OBSERVED_REGIONS = 10_000
"""Regions of an observer."""
MAX_ANOMALIES = 10_000
"""Newest anomalies that an observer keeps."""

_AT = observers.c.key == bindparam("at")
_OF = anomalies.c.observer_key == bindparam("observer")
LOCK_DUE = select(observers.c.due_at).where(_AT)
SET_DUE = update(observers).where(_AT).values(due_at=bindparam("next_due"))
SELECT_OBSERVER_VERSION = select(observers.c.version, observers.c.last_anomaly).where(_AT)
SAMPLED = (
    update(observers)
    .where(_AT)
    .values(
        version=observers.c.version + 1,
        last_sample_at=bindparam("now"),
        standing=bindparam("names"),
        last_anomaly=bindparam("last"),
    )
)
COUNT_OBSERVED_REGIONS = select(func.count()).where(
    observer_regions.c.observer_key == bindparam("observer")
)
UNREGISTER = delete(observer_regions).where(
    observer_regions.c.observer_key == bindparam("observer"),
    observer_regions.c.region_key == bindparam("region"),
)
COUNT_ANOMALIES = select(func.count()).where(_OF)
DROP_ANOMALIES = delete(anomalies).where(_OF, anomalies.c.number <= bindparam("last"))


@dataclass(frozen=True, slots=True)
class NewAnomaly:
    """An anomaly to insert."""

    type: str
    details: dict[str, Any]


@dataclass(frozen=True, slots=True)
class AddObserver(UnconditionalChange):
    """Insert an observer, in the transaction that creates its meta-session."""

    observer_id: str
    interval_s: float
    due_at: float
    regions: tuple[int, ...]

    @property
    def heads(self) -> Collection[int]:
        return self.regions

    def carry_out(self, connection: Connection, made: Sequence[Head]) -> None:
        row = {
            "key": made[0].key,
            "owner": made[0].owner,
            "observer_id": self.observer_id,
            "interval_s": self.interval_s,
            "due_at": self.due_at,
            "version": 0,
            "last_anomaly": 0,
            "standing": "[]",
        }
        connection.execute(insert(observers), row)
        rows = [{"observer_key": made[0].key, "region_key": region} for region in self.regions]
        if rows:
            connection.execute(insert(observer_regions), rows)


@dataclass(frozen=True, slots=True)
class Register(GuardedChange):
    """Add a region to an observer. Conflicts if it is there already or the observer is full."""

    observer: int
    region: int

    @property
    def heads(self) -> Collection[int]:
        return self.observer, self.region

    def decide(self, connection: Connection) -> bool:
        bound = {"observer": self.observer}
        if connection.scalar(REGISTERED, bound | {"region": self.region}):
            return False
        return (connection.scalar(COUNT_OBSERVED_REGIONS, bound) or 0) < MAX_OBSERVED_REGIONS

    def carry_out(self, connection: Connection, made: Sequence[Head]) -> None:
        row = {"observer_key": self.observer, "region_key": self.region}
        connection.execute(insert(observer_regions), row)


@dataclass(frozen=True, slots=True)
class Unregister(GuardedChange):
    """Remove a region from an observer. Conflicts if it is not there."""

    observer: int
    region: int

    @property
    def heads(self) -> Collection[int]:
        return self.observer, self.region

    def decide(self, connection: Connection) -> bool:
        bound = {"observer": self.observer, "region": self.region}
        return connection.scalar(REGISTERED, bound) == 1

    def carry_out(self, connection: Connection, made: Sequence[Head]) -> None:
        connection.execute(UNREGISTER, {"observer": self.observer, "region": self.region})


@dataclass(frozen=True, slots=True)
class ClaimSample(GuardedChange):
    """Claim the sample due at `due_at` for this process and set the next due time. Conflicts if
    another process has claimed it."""

    observer: int
    due_at: float
    next_due: float

    @property
    def heads(self) -> Collection[int]:
        return (self.observer,)

    def decide(self, connection: Connection) -> bool:
        return connection.scalar(LOCK_DUE, {"at": self.observer}) == self.due_at

    def carry_out(self, connection: Connection, made: Sequence[Head]) -> None:
        connection.execute(SET_DUE, {"at": self.observer, "next_due": self.next_due})


@dataclass(frozen=True, slots=True)
class StoreSample(GuardedChange):
    """Store the conditions that hold now, and those that are new. Conflicts if another sample was
    stored since `version`."""

    observer: int
    version: int
    at: float
    standing: tuple[str, ...]
    news: tuple[NewAnomaly, ...]

    @property
    def heads(self) -> Collection[int]:
        return (self.observer,)

    def decide(self, connection: Connection) -> bool:
        found = connection.execute(SELECT_OBSERVER_VERSION, {"at": self.observer}).first()
        return found is not None and found[0] == self.version

    def carry_out(self, connection: Connection, made: Sequence[Head]) -> None:
        _, last = connection.execute(SELECT_OBSERVER_VERSION, {"at": self.observer}).one()
        rows = [
            {
                "observer_key": self.observer,
                "number": number,
                "type": each.type,
                "at": self.at,
                "details": json.dumps(each.details),
            }
            for number, each in enumerate(self.news, last + 1)
        ]
        if rows:
            last += len(rows)
            connection.execute(insert(anomalies), rows)
            dropped = {"observer": self.observer, "last": last - MAX_ANOMALIES}
            connection.execute(DROP_ANOMALIES, dropped)
        names = json.dumps(self.standing)
        sampled = {"at": self.observer, "now": self.at, "names": names, "last": last}
        connection.execute(SAMPLED, sampled)


@dataclass(frozen=True, slots=True)
class ClearAnomalies(GuardedChange):
    """Delete the `count` anomalies up to number `last`. Conflicts if the log holds others."""

    observer: int
    count: int
    last: int

    @property
    def heads(self) -> Collection[int]:
        return (self.observer,)

    def decide(self, connection: Connection) -> bool:
        found = connection.execute(SELECT_OBSERVER_VERSION, {"at": self.observer}).first()
        counted = connection.scalar(COUNT_ANOMALIES, {"observer": self.observer})
        return found is not None and (counted, found[1]) == (self.count, self.last)

    def carry_out(self, connection: Connection, made: Sequence[Head]) -> None:
        connection.execute(DROP_ANOMALIES, {"observer": self.observer, "last": self.last})
