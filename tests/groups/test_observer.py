"""Each of the three conditions at its edge, and a walk through many against a plain reading."""

import random
from itertools import groupby

import pytest

from semvec.groups.observer import AnomalyCondition, ClusterSighting, conditions, new_conditions
from semvec.session.drift import DriftPhase as DriftPhase
from semvec.session.state import SessionPhase


def sight(
    region: int,
    cluster: int,
    phase: SessionPhase = "initialization",
    drift: DriftPhase = "stable",
    interactions: int = 1,
) -> ClusterSighting:
    return ClusterSighting(region, f"r{region}", cluster, f"c{cluster}", phase, drift, interactions)


def test_nothing_stands_where_nothing_is() -> None:
    assert conditions([]) == []


def test_convergence_takes_three_clusters_of_two_regions_in_one_phase() -> None:
    alike = [sight(1, 1, "resonance"), sight(1, 2, "resonance"), sight(2, 3, "resonance")]
    assert conditions(alike) == [
        AnomalyCondition(
            "convergence:resonance",
            "cross_cluster_convergence",
            {
                "phase": "resonance",
                "cluster_count": 3,
                "region_count": 2,
                "cluster_ids": ["c1", "c2", "c3"],
                "region_ids": ["r1", "r2"],
            },
        )
    ]
    assert conditions(alike[:2]) == []
    assert conditions([*alike[:2], sight(1, 3, "resonance")]) == []
    assert conditions([*alike[:2], sight(2, 3, "convergence")]) == []
    assert conditions([sight(region, region) for region in range(1, 6)]) == []


def test_a_cluster_of_two_regions_is_one_cluster() -> None:
    held_twice = [sight(1, 1, "resonance"), sight(2, 1, "resonance"), sight(1, 2, "resonance")]
    assert conditions(held_twice) == []
    (found,) = conditions([*held_twice, sight(1, 3, "resonance")])
    assert (found.details["cluster_count"], found.details["region_count"]) == (3, 2)


@pytest.mark.parametrize(("drifting", "steady", "stands"), [(1, 1, False), (2, 1, True)])
def test_systemic_drift_takes_more_than_half(drifting: int, steady: int, stands: bool) -> None:
    kinds: list[DriftPhase] = ["shifting", "drifted"]
    sights = [sight(1, n, drift=kinds[n % 2]) for n in range(drifting)]
    sights += [sight(1, 10 + n) for n in range(steady)]
    assert [each.type for each in conditions(sights)] == ["systemic_drift"] * stands
    if stands:
        (found,) = conditions(sights)
        assert found.details == {
            "drifting_count": 2,
            "cluster_count": 3,
            "cluster_ids": ["c0", "c1"],
        }


@pytest.mark.parametrize(("interactions", "stands"), [(9, False), (10, True)])
def test_divergence_takes_more_than_three_times_the_average(
    interactions: int, stands: bool
) -> None:
    """Of four clusters: 9 of 12 is three times the average of 3, itself included."""
    sights = [sight(1, n) for n in range(3)] + [sight(1, 3, interactions=interactions)]
    sights += [sight(2, 4, interactions=500)]
    found = conditions(sights)
    assert [each.type for each in found] == ["cluster_divergence"] * stands
    if stands:
        assert found[0].details == {
            "region_id": "r1",
            "cluster_id": "c3",
            "interaction_count": 10,
            "region_average": 3.25,
        }


def test_clusters_without_interactions_do_not_diverge() -> None:
    assert conditions([sight(1, n, interactions=0) for n in range(5)]) == []


def test_an_anomaly_names_a_hundred_clusters_and_counts_all() -> None:
    (found,) = conditions([sight(1, n, drift="drifted") for n in range(250)])
    assert found.details["drifting_count"] == 250
    assert found.details["cluster_ids"] == [f"c{n}" for n in range(100)]


def test_what_stands_is_news_once_until_it_clears() -> None:
    drifting, calm = [sight(1, 1, drift="drifted")], [sight(1, 1)]
    standing: list[str] = []
    reported = []
    for sights in (calm, drifting, drifting, calm, drifting):
        found = conditions(sights)
        reported.append(len(new_conditions(found, standing)))
        standing = [each.name for each in found]
    assert reported == [0, 1, 0, 0, 1]


def test_a_random_walk_of_clusters_is_judged_by_the_rules_alone() -> None:
    chance = random.Random(7)
    phases: list[SessionPhase] = ["initialization", "exploration", "convergence", "resonance"]
    drifts: list[DriftPhase] = ["stable", "shifting", "drifted"]
    seen = set[str]()
    for _ in range(1000):
        clusters = {
            n: (chance.choice(phases), chance.choice(drifts), chance.choice((0, 1, 2, 30)))
            for n in range(chance.randrange(9))
        }
        sights = [
            sight(region, n, *clusters[n])
            for region in range(3)
            for n in clusters
            if chance.random() < 0.6
        ]
        found = {each.name for each in conditions(sights)}
        assert found == plainly(sights)
        seen |= {name.partition(":")[0] for name in found}
    assert seen == {"convergence", "drift", "divergence"}


def plainly(sights: list[ClusterSighting]) -> set[str]:
    """What has to stand, word for word as the rules are told."""
    expected = set[str]()
    for phase in ("exploration", "convergence", "resonance"):
        alike = [each for each in sights if each.phase == phase]
        if len({each.cluster for each in alike}) >= 3 and len({each.region for each in alike}) >= 2:
            expected.add(f"convergence:{phase}")
    observed = {each.cluster: each.drift_phase != "stable" for each in sights}
    if sum(observed.values()) > len(observed) / 2:
        expected.add("drift")
    for region, held in groupby(sights, lambda each: each.region):
        counts = {each.cluster: each.interaction_count for each in held}
        average = sum(counts.values()) / len(counts)
        expected |= {
            f"divergence:{region}:{cluster}"
            for cluster, count in counts.items()
            if count > 3 * average
        }
    return expected
