"""Clusters by the thousand: what they point at beside one matrix product over the same bytes, what
one of many costs beside one of few, and what heads that tell of states cost a commit.

    python -m bench.groups [most clusters]
"""

import asyncio
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from statistics import median
from typing import Any

import numpy as np
from sqlalchemy import insert

from semvec.groups.cluster import ClusterStates, aggregates, unit_lengths
from semvec.kernels.protocol import Groups
from semvec.service import Service
from semvec.service.cluster_aggregator import ClusterAggregator
from semvec.settings import Settings
from semvec.store import Append, Store
from semvec.store.cluster_queries import attached
from semvec.store.tables import clusters, members, region_clusters, regions, sessions
from semvec.vectors import packed

CLUSTERS, MEMBERS, DIMENSION = 1000, 100, 384
NUMBERS = (10, 100, 1000, 10_000)
POOL, EACH = 1000, 10
"""Sessions of the database, and members of each of its clusters."""
ROUNDS = 9
APPENDS, AT_ONCE = 512, 64


def milliseconds(*works: Callable[[], object]) -> list[float]:
    """CPU time, the median of several rounds in turn."""
    times: list[list[float]] = [[] for _ in works]
    for _ in range(ROUNDS):
        for place, work in enumerate(works):
            start = time.process_time()
            work()
            times[place].append(1000 * (time.process_time() - start))
    return [median(each) for each in times]


def kernels() -> None:
    rng = np.random.default_rng(1)
    states = rng.standard_normal((CLUSTERS * MEMBERS, DIMENSION), np.float32)
    queries = rng.standard_normal((CLUSTERS, DIMENSION), np.float32)
    groups = Groups(np.arange(CLUSTERS * MEMBERS), np.arange(0, CLUSTERS * MEMBERS + 1, MEMBERS))
    updates = rng.integers(1, 99, CLUSTERS * MEMBERS)

    def pointing(attends: bool) -> Callable[[], object]:
        gathered = ClusterStates(states, updates, groups, queries, np.full(CLUSTERS, attends))
        return lambda: aggregates(gathered)

    product, lengths, weighed, attending = milliseconds(
        lambda: states @ queries[0],
        lambda: unit_lengths(states),
        pointing(False),
        pointing(True),
    )
    print(f"{CLUSTERS:,} clusters of {MEMBERS} members, {states.nbytes / 1e6:.0f} MB of states:")
    print(f"  one matrix product over them  {product:7.1f} ms")
    print(f"  their unit lengths            {lengths:7.1f} ms")
    print(f"  weighted averages, all in all {weighed:7.1f} ms = {weighed / product:.1f} products")
    print(
        f"  attention, all in all         {attending:7.1f} ms = {attending / product:.1f} products"
    )


async def fill(store: Store, number: int) -> None:
    """One region with that many clusters, whose members are of one pool."""
    rng = np.random.default_rng(2)
    means = [packed(row) for row in rng.standard_normal((POOL, DIMENSION), np.float32)]
    head = {
        "owner": "o",
        "seq": 1,
        "snapshot_seq": 0,
        "created_at": 0.0,
        "last_used_at": 0.0,
        "interaction_count": 7,
        "total_memories": 0,
        "dimension": DIMENSION,
        "phase": "initialization",
        "drift_phase": "stable",
    }
    names = [(f"s{n}", 0, means[n]) for n in range(POOL)]
    names += [(f"c{n}", 1, means[n % POOL]) for n in range(number)] + [("r", 2, means[0])]
    rows = [{**head, "session_id": name, "kind": kind, "mean": mean} for name, kind, mean in names]
    first = POOL + 1
    region = first + number
    keys = range(first, region)
    cluster = {"owner": "o", "name": "n", "mode": "weighted_average", "coupling": 0.5}
    row = {"key": region, "owner": "o", "region_id": "r", "name": "n", "threshold": 0.5}
    async with store.engine.begin() as connection:
        await connection.execute(insert(sessions), rows)
        await connection.execute(
            insert(clusters), [{"key": key, "cluster_id": f"c{key}", **cluster} for key in keys]
        )
        joined = [
            {"cluster_key": key, "session_key": 1 + (key * EACH + place) % POOL}
            for key in keys
            for place in range(EACH)
        ]
        await connection.execute(insert(members), joined)
        await connection.execute(
            insert(regions), row | {"window_s": 60.0, "version": 0, "last_event": 0}
        )
        await connection.execute(
            insert(region_clusters), [{"region_key": region, "cluster_key": key} for key in keys]
        )


async def timed(work: Callable[[], Awaitable[object]]) -> float:
    times = []
    for _ in range(5):
        start = time.process_time()
        await work()
        times.append(1e6 * (time.process_time() - start))
    return median(times)


async def growing(number: int) -> str:
    """Microseconds of CPU for each cluster."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(embedder="none", memory_bytes=1 << 28)
        url = f"sqlite:///{folder}/groups.db"
        filling = Store(url)
        await filling.open()
        await fill(filling, number)
        await filling.close()
        store = Store(url)
        service = Service(store, None, settings, time.time, lambda: "id")
        await service.start()
        region = POOL + 1 + number
        gathering = ClusterAggregator(store, service._hot)
        rows = await store.query(attached, region)

        async def listing() -> None:
            cursor: str | None = None
            while True:
                page = await service.clusters.page("o", limit=1000, cursor=cursor)
                if (cursor := page.next_cursor) is None:
                    return

        async def one() -> None:
            await service.clusters.state("o", "c0")

        parts: list[Any] = [
            await timed(listing) / number,
            await timed(lambda: store.query(attached, region)) / number,
            await timed(lambda: gathering.aggregates(rows)) / number,
            await timed(one),
        ]
        await service.close()
    listed, seen, gathered, alone = parts
    return f"{number:8,} {listed:10.1f} {seen:10.1f} {gathered:12.1f} {alone / 1000:12.2f} ms"


async def appending(store: Store, mean: bytes | None) -> float:
    """Microseconds of CPU for each append."""
    made = [await store.create("o", f"{mean is None}{n}", 0.0, b"") for n in range(AT_ONCE)]
    heads = [head for head in made if head is not None]
    event = bytes(3000)
    lines = [head.line for head in heads]
    start = time.process_time()
    for number in range(APPENDS // AT_ONCE):
        appends = [
            Append(
                *(each.key, 1 + number, (event,), 0.0, 1, 1), dimension=384, mean=mean, line=line
            )
            for each, line in zip(heads, lines, strict=True)
        ]
        await asyncio.gather(*map(store.append, appends))
        lines = [each.next_line for each in appends]
    took = time.process_time() - start
    for head in heads:
        await store.delete(head.key)
    return 1e6 * took / APPENDS


async def heads() -> None:
    mean = packed(np.ones(DIMENSION, np.float32))
    times: dict[bool, list[float]] = {False: [], True: []}
    with tempfile.TemporaryDirectory() as folder:
        store = Store(f"sqlite:///{folder}/heads.db")
        await store.open()
        for _ in range(ROUNDS):
            for tells in (False, True):
                times[tells].append(await appending(store, mean if tells else None))
        await store.close()
    silent, telling = median(times[False]), median(times[True])
    print(f"an append of 3 kB, {AT_ONCE} at once: {silent:.0f} us of CPU")
    print(f"the same with the state in its head: {telling:.0f} us")


async def main(most: int) -> None:
    kernels()
    print(
        "\nclusters of 10, us of CPU for each: listed, seen by their region, aggregated; one alone"
    )
    for number in NUMBERS:
        if number <= most:
            print(await growing(number))
    print()
    await heads()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else NUMBERS[-1]))
