"""Anomalies among the clusters of a subject's regions; each is reported once."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from semvec.session.drift import DriftPhase as DriftPhase
from semvec.session.state import SessionPhase

AnomalyType = Literal["cross_cluster_convergence", "systemic_drift", "cluster_divergence"]
Detail = str | int | float | list[str]

CONVERGING_CLUSTERS = 3
CONVERGING_REGIONS = 2
DIVERGING = 3.0
"""Factor over its region's average interactions above which a cluster diverges."""
MAX_NAMED_CLUSTERS = 100
"""Most ids of one kind that an anomaly lists; its counts are complete."""


@dataclass(frozen=True, slots=True)
class ClusterSighting:
    """One cluster in one of the regions that contain it."""

    region: int
    region_id: str
    cluster: int
    cluster_id: str
    phase: SessionPhase
    drift_phase: DriftPhase
    interaction_count: int


@dataclass(frozen=True, slots=True)
class AnomalyCondition:
    """An anomaly that holds now; it keeps its `name` as long as it holds."""

    name: str
    type: AnomalyType
    details: dict[str, Detail]


def conditions(sights: Sequence[ClusterSighting]) -> list[AnomalyCondition]:
    """Return all conditions that hold for the clusters."""
    return [*_converging(sights), *_drifting(sights), *_diverging(sights)]


def new_conditions(
    found: Iterable[AnomalyCondition], standing: Iterable[str]
) -> list[AnomalyCondition]:
    """Return the conditions that did not hold before."""
    known = set(standing)
    return [each for each in found if each.name not in known]


def _converging(sights: Sequence[ClusterSighting]) -> Iterator[AnomalyCondition]:
    by_phase = defaultdict[SessionPhase, list[ClusterSighting]](list)
    for sight in sights:
        if sight.phase != "initialization":
            by_phase[sight.phase].append(sight)
    for phase, alike in sorted(by_phase.items()):
        clusters = _distinct(alike)
        regions = {sight.region: sight.region_id for sight in alike}
        if len(clusters) >= CONVERGING_CLUSTERS and len(regions) >= CONVERGING_REGIONS:
            yield AnomalyCondition(
                f"convergence:{phase}",
                "cross_cluster_convergence",
                {
                    "phase": phase,
                    "cluster_count": len(clusters),
                    "region_count": len(regions),
                    "cluster_ids": [sight.cluster_id for sight in clusters[:MAX_NAMED_CLUSTERS]],
                    "region_ids": [*regions.values()][:MAX_NAMED_CLUSTERS],
                },
            )


def _drifting(sights: Sequence[ClusterSighting]) -> Iterator[AnomalyCondition]:
    clusters = _distinct(sights)
    drifting = [sight for sight in clusters if sight.drift_phase != "stable"]
    if 2 * len(drifting) > len(clusters):
        yield AnomalyCondition(
            "drift",
            "systemic_drift",
            {
                "drifting_count": len(drifting),
                "cluster_count": len(clusters),
                "cluster_ids": [sight.cluster_id for sight in drifting[:MAX_NAMED_CLUSTERS]],
            },
        )


def _diverging(sights: Sequence[ClusterSighting]) -> Iterator[AnomalyCondition]:
    by_region = defaultdict[int, list[ClusterSighting]](list)
    for sight in sights:
        by_region[sight.region].append(sight)
    for region, held in by_region.items():
        total = sum(sight.interaction_count for sight in held)
        for sight in held:
            if sight.interaction_count * len(held) > DIVERGING * total:
                yield AnomalyCondition(
                    f"divergence:{region}:{sight.cluster}",
                    "cluster_divergence",
                    {
                        "region_id": sight.region_id,
                        "cluster_id": sight.cluster_id,
                        "interaction_count": sight.interaction_count,
                        "region_average": total / len(held),
                    },
                )


def _distinct(sights: Sequence[ClusterSighting]) -> list[ClusterSighting]:
    """Return the first sighting of each cluster."""
    first: dict[int, ClusterSighting] = {}
    for sight in sights:
        first.setdefault(sight.cluster, sight)
    return [*first.values()]
