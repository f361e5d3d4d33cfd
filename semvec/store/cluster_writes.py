"""Writes of clusters and regions.

The head of a cluster is its backing session's; that of a region is its meta-session's. A row that
names two of them is changed with both heads locked.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Executable, bindparam, delete, func, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from semvec.store.records import GuardedChange, Head, UnconditionalChange
from semvec.store.tables import (
    clusters,
    drift_events,
    members,
    region_clusters,
    regions,
    votes,
)

MAX_MEMBERS = 10_000
"""Members of a cluster, and clusters of a region."""
MAX_REGIONS_OF_CLUSTER = 100
"""Regions that one cluster is attached to: each of its drifts writes to all of them in one
transaction."""
MAX_DRIFT_EVENTS = 10_000
"""Newest drift events that a region keeps."""

COUNT_MEMBERS = select(func.count()).where(members.c.cluster_key == bindparam("cluster"))
MEMBER = COUNT_MEMBERS.where(members.c.session_key == bindparam("session"))
LEAVE = delete(members).where(
    members.c.cluster_key == bindparam("cluster"), members.c.session_key == bindparam("session")
)
COUNT_ATTACHED = select(func.count()).where(region_clusters.c.region_key == bindparam("region"))
LOCK_ATTACHED = COUNT_ATTACHED.where(region_clusters.c.cluster_key == bindparam("cluster"))
DETACH = delete(region_clusters).where(
    region_clusters.c.region_key == bindparam("region"),
    region_clusters.c.cluster_key == bindparam("cluster"),
)
TAKE_VOTE = delete(votes).where(
    votes.c.region_key == bindparam("region"), votes.c.cluster_key == bindparam("cluster")
)
TAKE_VOTES = delete(votes).where(votes.c.region_key == bindparam("region"))
EXPIRE = TAKE_VOTES.where(votes.c.at <= bindparam("before"))
REGIONS_OF = (
    select(region_clusters.c.region_key)
    .where(region_clusters.c.cluster_key == bindparam("cluster"))
    .order_by(region_clusters.c.region_key)
)
SELECT_REGION_VERSION = select(regions.c.version).where(regions.c.key == bindparam("region"))
NEXT_VERSION = (
    update(regions)
    .where(regions.c.key == bindparam("region"))
    .values(version=regions.c.version + 1)
)
REALIGNED = NEXT_VERSION.values(last_realignment=bindparam("at"))
NEXT_EVENT = (
    update(regions)
    .where(regions.c.key.in_(bindparam("regions", expanding=True)))
    .values(last_event=regions.c.last_event + 1)
)
LAST_EVENTS = select(regions.c.key, regions.c.last_event).where(
    regions.c.key.in_(bindparam("regions", expanding=True))
)
ADD_DRIFT_EVENT = insert(drift_events)
DROP_DRIFT_EVENTS = delete(drift_events).where(
    drift_events.c.region_key == bindparam("region"), drift_events.c.number <= bindparam("last")
)


def _vote(insert_into: Any) -> Executable:
    vote = insert_into(votes)
    upsert: Executable = vote.on_conflict_do_update(
        index_elements=["region_key", "cluster_key"], set_={"at": vote.excluded.at}
    )
    return upsert


VOTE = {"postgresql": _vote(postgresql.insert), "sqlite": _vote(sqlite.insert)}


@dataclass(frozen=True, slots=True)
class AddCluster(UnconditionalChange):
    """Insert a cluster, in the transaction that creates its backing session."""

    name: str
    mode: str
    coupling: float

    @property
    def heads(self) -> Collection[int]:
        return ()

    def carry_out(self, connection: Connection, made: Sequence[Head]) -> None:
        row = {
            "key": made[0].key,
            "owner": made[0].owner,
            "cluster_id": made[0].session_id,
            "name": self.name,
            "mode": self.mode,
            "coupling": self.coupling,
        }
        connection.execute(insert(clusters), row)


@dataclass(frozen=True, slots=True)
class AddRegion(UnconditionalChange):
    """Insert a region, in the transaction that creates its meta-session."""

    name: str
    threshold: float
    window_s: float

    @property
    def heads(self) -> Collection[int]:
        return ()

    def carry_out(self, connection: Connection, made: Sequence[Head]) -> None:
        row = {
            "key": made[0].key,
            "owner": made[0].owner,
            "region_id": made[0].session_id,
            "name": self.name,
            "threshold": self.threshold,
            "window_s": self.window_s,
            "version": 0,
            "last_event": 0,
        }
        connection.execute(insert(regions), row)


@dataclass(frozen=True, slots=True)
class Join(GuardedChange):
    """Add a session to a cluster. Conflicts if it is a member already or the cluster is full."""

    cluster: int
    session: int

    @property
    def heads(self) -> Collection[int]:
        return self.cluster, self.session

    def decide(self, connection: Connection) -> bool:
        bound = {"cluster": self.cluster}
        if connection.scalar(MEMBER, bound | {"session": self.session}):
            return False
        return (connection.scalar(COUNT_MEMBERS, bound) or 0) < MAX_MEMBERS

    def carry_out(self, connection: Connection, made: Sequence[Head]) -> None:
        row = {"cluster_key": self.cluster, "session_key": self.session}
        connection.execute(insert(members), row)


@dataclass(frozen=True, slots=True)
class Leave(GuardedChange):
    """Remove a session from a cluster. Conflicts if it is not a member."""

    cluster: int
    session: int

    @property
    def heads(self) -> Collection[int]:
        return self.cluster, self.session

    def decide(self, connection: Connection) -> bool:
        bound = {"cluster": self.cluster, "session": self.session}
        return connection.scalar(MEMBER, bound) == 1

    def carry_out(self, connection: Connection, made: Sequence[Head]) -> None:
        connection.execute(LEAVE, {"cluster": self.cluster, "session": self.session})


@dataclass(frozen=True, slots=True)
class Attach(GuardedChange):
    """Attach a cluster to a region. Conflicts if it is attached already, the region is full, or
    the cluster is in MAX_REGIONS_OF_CLUSTER regions."""

    region: int
    cluster: int

    @property
    def heads(self) -> Collection[int]:
        return self.region, self.cluster

    def decide(self, connection: Connection) -> bool:
        bound = {"region": self.region}
        if connection.scalar(LOCK_ATTACHED, bound | {"cluster": self.cluster}):
            return False
        if len(regions_of(connection, self.cluster)) >= MAX_REGIONS_OF_CLUSTER:
            return False
        return (connection.scalar(COUNT_ATTACHED, bound) or 0) < MAX_MEMBERS

    def carry_out(self, connection: Connection, made: Sequence[Head]) -> None:
        row = {"region_key": self.region, "cluster_key": self.cluster}
        connection.execute(insert(region_clusters), row)
        connection.execute(NEXT_VERSION, {"region": self.region})


@dataclass(frozen=True, slots=True)
class Detach(GuardedChange):
    """Detach a cluster from a region and delete its vote. Conflicts if it is not attached."""

    region: int
    cluster: int

    @property
    def heads(self) -> Collection[int]:
        return self.region, self.cluster

    def decide(self, connection: Connection) -> bool:
        bound = {"region": self.region, "cluster": self.cluster}
        return connection.scalar(LOCK_ATTACHED, bound) == 1

    def carry_out(self, connection: Connection, made: Sequence[Head]) -> None:
        _detach(connection, self.region, self.cluster)


@dataclass(frozen=True, slots=True)
class Disband(GuardedChange):
    """Detach a cluster from all its regions, before its backing session is deleted.

    Conflicts unless `regions` are all regions of the cluster.
    """

    cluster: int
    regions: tuple[int, ...]

    @property
    def heads(self) -> Collection[int]:
        return self.cluster, *self.regions

    def decide(self, connection: Connection) -> bool:
        return regions_of(connection, self.cluster) == self.regions

    def carry_out(self, connection: Connection, made: Sequence[Head]) -> None:
        for region in self.regions:
            _detach(connection, region, self.cluster)


@dataclass(frozen=True, slots=True)
class Drifted(GuardedChange):
    """Record a cluster's drift in its regions: an event in the history of each, and a vote.
    Conflicts unless `regions` are all regions of the cluster."""

    cluster: int
    cluster_id: str
    regions: tuple[int, ...]
    score: float
    phase: str
    at: float

    @property
    def heads(self) -> Collection[int]:
        return self.cluster, *self.regions

    def decide(self, connection: Connection) -> bool:
        return regions_of(connection, self.cluster) == self.regions

    def carry_out(self, connection: Connection, made: Sequence[Head]) -> None:
        bound = {"regions": self.regions}
        connection.execute(NEXT_EVENT, bound)
        numbers = [(region, number) for region, number in connection.execute(LAST_EVENTS, bound)]
        told = {
            "cluster_id": self.cluster_id,
            "score": self.score,
            "phase": self.phase,
            "at": self.at,
        }
        connection.execute(
            ADD_DRIFT_EVENT,
            [{"region_key": region, "number": number, **told} for region, number in numbers],
        )
        connection.execute(
            DROP_DRIFT_EVENTS,
            [{"region": region, "last": number - MAX_DRIFT_EVENTS} for region, number in numbers],
        )
        connection.execute(
            VOTE[connection.dialect.name],
            [
                {"region_key": region, "cluster_key": self.cluster, "at": self.at}
                for region in self.regions
            ],
        )


@dataclass(frozen=True, slots=True)
class Realign(GuardedChange):
    """Delete a region's votes and record the realignment. Conflicts if the region's version has
    changed: another set of voters, or another realignment."""

    region: int
    version: int
    at: float

    @property
    def heads(self) -> Collection[int]:
        return (self.region,)

    def decide(self, connection: Connection) -> bool:
        return connection.scalar(SELECT_REGION_VERSION, {"region": self.region}) == self.version

    def carry_out(self, connection: Connection, made: Sequence[Head]) -> None:
        connection.execute(TAKE_VOTES, {"region": self.region})
        connection.execute(REALIGNED, {"region": self.region, "at": self.at})


@dataclass(frozen=True, slots=True)
class Expire(UnconditionalChange):
    """Delete votes of time `before` or earlier."""

    region: int
    before: float

    @property
    def heads(self) -> Collection[int]:
        return (self.region,)

    def carry_out(self, connection: Connection, made: Sequence[Head]) -> None:
        connection.execute(EXPIRE, {"region": self.region, "before": self.before})


def regions_of(connection: Connection, cluster: int) -> tuple[int, ...]:
    """Return the regions of a cluster, by ascending key."""
    return tuple(connection.scalars(REGIONS_OF, {"cluster": cluster}))


def _detach(connection: Connection, region: int, cluster: int) -> None:
    bound = {"region": region, "cluster": cluster}
    connection.execute(DETACH, bound)
    connection.execute(TAKE_VOTE, bound)
    connection.execute(NEXT_VERSION, {"region": region})
