"""Clusters and regions on a service whose vectors tests choose."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from semvec import answers
from semvec.service import Service
from semvec.session.session import Session
from tests import services
from tests.services import DIMENSION, OWNER

Reals = npt.NDArray[Any]

STEADY = 4
"""Turns on one subject after which a turn on another one is a drift."""


def axis(number: int) -> list[float]:
    """A subject: vectors of two of them have a cosine near 0."""
    return [1.0 if place == number % DIMENSION else 0.05 for place in range(DIMENSION)]


def unit(numbers: Sequence[float] | Reals) -> Reals:
    exact = np.array(numbers, np.float64)
    found: Reals = exact / np.sqrt(exact @ exact)
    return found


async def cluster(
    service: Service, cluster_id: str | None = "c", owner: str = OWNER, **more: Any
) -> answers.ClusterInfo:
    wanted = {"name": "a cluster", "mode": "weighted_average", "coupling": 0.5}
    return await service.clusters.create(
        owner, cluster_id, **{**wanted, "dimension": DIMENSION, **more}
    )


async def region(
    service: Service, *clusters: str, region_id: str | None = "r", owner: str = OWNER, **more: Any
) -> answers.RegionInfo:
    wanted = {"name": "a region", "threshold": 0.5, "window_s": 60.0, "dimension": DIMENSION}
    made = await service.regions.create(owner, region_id, **{**wanted, **more})
    for each in clusters:
        assert (await service.regions.attach(owner, made.region_id, each)).added
    return made


async def member(
    service: Service, session_id: str, *subjects: int, cluster_id: str = "c", owner: str = OWNER
) -> None:
    """A session that has talked about these subjects, in a cluster."""
    await services.create(service, session_id, owner)
    for place, subject in enumerate(subjects):
        await talk(service, session_id, subject, f"{session_id} says {place}", owner)
    assert (await service.clusters.add(owner, cluster_id, session_id)).added


async def talk(
    service: Service, session_id: str, subject: int, words: str, owner: str = OWNER
) -> answers.Stored:
    return await service.conversation.store(
        owner, session_id=session_id, response=words, response_embedding=axis(subject)
    )


async def drift(
    service: Service, cluster_id: str, owner: str = OWNER, since: int = 0, to: int = 1
) -> None:
    """Have a cluster talk steadily, and then of something else."""
    for number in range(STEADY):
        said = await talk(service, cluster_id, since, f"steady {number} {since}", owner)
        assert not said.drift_detected
    said = await talk(service, cluster_id, to, f"suddenly {to}", owner)
    assert said.drift_detected


async def session(service: Service, session_id: str, owner: str = OWNER) -> Session:
    return (await service.sessions._hot.get((owner, session_id))).session


async def mean(service: Service, session_id: str, owner: str = OWNER) -> Reals:
    return (await session(service, session_id, owner)).state.mean.copy()


async def pointing(service: Service, cluster_id: str = "c", owner: str = OWNER) -> Reals:
    return np.array((await service.clusters.state(owner, cluster_id)).aggregate_vector)


async def consistent(service: Service, *session_ids: str, owner: str = OWNER) -> None:
    """Whether sessions are to the bit what their journals say."""
    for session_id in session_ids:
        verified = await service.verification.verify(owner, session_id, [axis(0)])
        assert verified.consistent, verified.checks
