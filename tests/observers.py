"""Clusters that stand where a test wants them, and observers that look at them."""

from typing import Any

from sqlalchemy import text

from semvec import answers
from semvec.service import Service
from tests.services import DIMENSION, OWNER

STEADY = 4
"""Turns on one subject after which a turn on another one is a drift."""
SETTLED = 15
"""Turns on one subject after which a session is in resonance."""


async def cluster(service: Service, cluster_id: str, owner: str = OWNER) -> None:
    await service.clusters.create(
        owner,
        cluster_id,
        name=cluster_id,
        mode="weighted_average",
        coupling=0.0,
        dimension=DIMENSION,
    )


async def region(
    service: Service, region_id: str, *clusters: str, owner: str = OWNER, threshold: float = 1.0
) -> None:
    """One whose clusters are there; it never realigns unless the threshold is lower."""
    await service.regions.create(
        owner, region_id, name=region_id, threshold=threshold, window_s=60.0, dimension=DIMENSION
    )
    for cluster_id in clusters:
        assert (await service.regions.attach(owner, region_id, cluster_id)).added


async def observe(
    service: Service, *region_ids: str, owner: str = OWNER, interval_s: float = 30.0
) -> answers.ObserverInfo:
    info, made = await service.observer.create(owner, interval_s=interval_s, region_ids=region_ids)
    assert made
    return info


async def talk(
    service: Service, cluster_id: str, subject: int, times: int = 1, owner: str = OWNER
) -> answers.Stored:
    """So many turns on a subject; no two say the same."""
    place = (await service.sessions.metrics(owner, cluster_id)).interaction_count
    for number in range(place, place + times):
        said = await service.conversation.store(
            owner,
            session_id=cluster_id,
            response=f"{cluster_id} says {number}",
            response_embedding=axis(subject),
        )
    return said


def axis(number: int) -> list[float]:
    """A subject: vectors of two of them have a cosine near 0."""
    return [1.0 if place == number % DIMENSION else 0.05 for place in range(DIMENSION)]


async def sampled(service: Service, owner: str = OWNER) -> list[answers.Anomaly]:
    """What a sample reports, in the order of the log."""
    fresh = (await service.sampling.sample(owner)).new_anomalies
    page = await service.observer.page(owner, limit=max(1, fresh), cursor=None)
    return page.items[:fresh][::-1]


async def put(service: Service, cluster_id: str, **columns: Any) -> None:
    """Have the head of a cluster tell of another phase, drift or count than its session's."""
    sets = ", ".join(f"{name} = :{name}" for name in columns)
    async with service.database.engine.begin() as connection:
        await connection.execute(
            text(f"UPDATE sessions SET {sets} WHERE session_id = :cluster_id"),
            columns | {"cluster_id": cluster_id},
        )
