"""What a sample of an observer costs for each cluster, beside reading the same heads by sqlite3.

python -m bench.observer [--most 10000]
"""

import argparse
import asyncio
import itertools
import sqlite3
import statistics
import tempfile
import time
from contextlib import closing

import uvloop

from semvec.service import Service
from semvec.settings import Settings
from semvec.store import Store

OWNER = "bench"
REGIONS = 10
SAMPLES = 9
AT_ONCE = 200
HEADS = """
    SELECT s.phase, s.drift_phase, s.interaction_count
    FROM region_clusters r JOIN sessions s ON s.key = r.cluster_key
"""


async def fill(service: Service, clusters: int) -> None:
    """So many clusters, evenly over the regions of an observer."""
    regions = [f"r{number}" for number in range(REGIONS)]
    for name in regions:
        await service.regions.create(
            OWNER, name, name=name, threshold=0.5, window_s=60.0, dimension=384
        )

    async def add(number: int) -> None:
        name = f"c{number}"
        await service.clusters.create(
            OWNER, name, name=name, mode="weighted_average", coupling=0.0, dimension=384
        )
        await service.regions.attach(OWNER, regions[number % REGIONS], name)

    for start in range(0, clusters, AT_ONCE):
        await asyncio.gather(*map(add, range(start, min(start + AT_ONCE, clusters))))
    await service.observer.create(OWNER, interval_s=86_400.0, region_ids=regions)


def read_heads(path: str) -> float:
    with closing(sqlite3.connect(path)) as connection:
        started = time.perf_counter()
        connection.execute(HEADS).fetchall()
        return time.perf_counter() - started


async def measure(clusters: int) -> None:
    with tempfile.TemporaryDirectory(dir=".") as folder:
        path = f"{folder}/semvec.db"
        settings = Settings(database_url=f"sqlite:///{path}", embedder="none")
        ids = (f"id-{number}" for number in itertools.count())
        service = Service(Store(settings.database_url), None, settings, time.time, ids.__next__)
        await service.start()
        await fill(service, clusters)
        took, floor = [], []
        for _ in range(SAMPLES):
            floor.append(await asyncio.to_thread(read_heads, path))
            started = time.perf_counter()
            found = await service.sampling.sample(OWNER)
            took.append(time.perf_counter() - started)
            assert found.clusters_sampled == clusters
        await service.close()
    ours, theirs = statistics.median(took), statistics.median(floor)
    print(
        f"{clusters:>6} clusters: {ours * 1e3:8.2f} ms a sample, {ours / clusters * 1e6:7.1f} µs a "
        f"cluster; sqlite3 alone {theirs * 1e3:7.2f} ms"
    )


async def bench(most: int) -> None:
    for clusters in (10, 100, 1_000, 10_000):
        if clusters <= most:
            await measure(clusters)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--most", type=int, default=10_000)
    uvloop.run(bench(parser.parse_args().most))
