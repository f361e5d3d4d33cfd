"""Aggregate vectors of clusters, from the states in their members' heads."""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import groupby

import numpy as np

from semvec.cache import SessionCache
from semvec.groups.cluster import ClusterStates, aggregates
from semvec.kernels.protocol import Groups
from semvec.persistence import mean_bytes
from semvec.store import Store
from semvec.store.cluster_queries import ClusterRow, MemberRow, members_of
from semvec.vectors import Vector

AGGREGATION_BATCH = 65_536
"""Members of one query: 100 MB of vectors of 384 numbers."""
INLINE_AGGREGATION_NUMBERS = 256
"""Members up to which the computation runs without a thread."""


class ClusterAggregator:
    def __init__(self, store: Store, hot: SessionCache) -> None:
        self._store, self._hot = store, hot

    async def aggregates(self, clusters: Sequence[ClusterRow]) -> dict[int, Vector]:
        """Return the aggregate of each cluster by its key, shape (d,): a unit vector, or zeros if
        there is no direction."""
        found: dict[int, Vector] = {}
        for some in batches(clusters):
            members = await self._members(some)
            if len(members) <= INLINE_AGGREGATION_NUMBERS:
                found |= aggregated(some, members)
            else:
                found |= await asyncio.to_thread(aggregated, some, members)
        return found

    async def _members(self, clusters: Sequence[ClusterRow]) -> list[MemberRow]:
        owner = clusters[0].owner
        members = await self._store.query(members_of, [each.key for each in clusters])
        return [
            each if each.mean is not None else await self._rebuilt(owner, each) for each in members
        ]

    async def _rebuilt(self, owner: str, member: MemberRow) -> MemberRow:
        """Load the state of a member whose head, written by an earlier release, has none."""
        state = (await self._hot.get((owner, member.session_id))).session.state
        return replace(member, mean=mean_bytes(state.mean))


def batches(clusters: Sequence[ClusterRow]) -> Iterator[list[ClusterRow]]:
    """Yield clusters of one owner and dimension, by ascending key, with at most AGGREGATION_BATCH
    members together, or one larger cluster alone."""

    def kind(cluster: ClusterRow) -> tuple[str, int]:
        return cluster.owner, cluster.dimension

    for _, alike in groupby(sorted(clusters, key=lambda each: (*kind(each), each.key)), kind):
        batch: list[ClusterRow] = []
        count = 0
        for cluster in alike:
            if batch and count + cluster.members > AGGREGATION_BATCH:
                yield batch
                batch, count = [], 0
            batch.append(cluster)
            count += cluster.members
        yield batch


def aggregated(clusters: Sequence[ClusterRow], members: Sequence[MemberRow]) -> dict[int, Vector]:
    """Return the aggregate by cluster key. Clusters and members are sorted by cluster key."""
    keys = np.array([each.key for each in clusters], np.int64)
    whose = np.array([each.cluster for each in members], np.int64)
    offsets = np.append(np.searchsorted(whose, keys), len(whose))
    dimension = clusters[0].dimension
    gathered = ClusterStates(
        states=_rows([each.mean for each in members if each.mean is not None], dimension),
        updates=np.array([each.interaction_count for each in members], np.int64),
        groups=Groups(np.arange(len(members)), offsets),
        queries=_rows([each.mean for each in clusters], dimension),
        attends=np.array([each.mode == "attention" for each in clusters]),
    )
    return dict(zip(keys.tolist(), aggregates(gathered), strict=True))


def _rows(means: Sequence[bytes], dimension: int) -> Vector:
    rows = np.frombuffer(b"".join(means), "<f4").reshape(-1, dimension)
    return rows.astype(np.float32, copy=False)
