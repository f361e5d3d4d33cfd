"""Votes, their window and their majority; where a region goes."""

import numpy as np
import pytest

from semvec.groups.region import Vote, agreed, consensus, voters


def decided(votes: list[tuple[int, float]], clusters: int, threshold: float) -> bool:
    given = [Vote(*vote) for vote in votes]
    keys = range(1, clusters + 1)
    return agreed(given, keys, threshold=threshold, window_s=60.0, now=100.0)


def test_a_vote_counts_for_its_window_and_no_longer() -> None:
    votes = [Vote(1, 40.0), Vote(2, 40.1), Vote(3, 100.0)]
    assert voters(votes, [1, 2, 3], 60.0, 100.0) == {2, 3}
    assert voters(votes, [1, 2, 3], 60.0, 99.9) == {1, 2, 3}


def test_only_attached_clusters_vote() -> None:
    assert voters([Vote(1, 100.0), Vote(7, 100.0)], [1, 2], 60.0, 100.0) == {1}


def test_two_votes_of_one_cluster_count_once() -> None:
    assert not decided([(1, 99.0), (1, 100.0), (1, 98.0)], 2, 0.5)
    assert decided([(1, 99.0), (2, 100.0)], 2, 0.5)


@pytest.mark.parametrize(
    ("voting", "clusters", "threshold", "realigns"),
    [
        (1, 2, 0.5, False),
        (2, 3, 0.5, True),
        (3, 5, 0.6, False),
        (4, 5, 0.6, True),
        (1, 9, 0.0, True),
        (0, 9, 0.0, False),
        (9, 9, 1.0, False),
        (0, 0, 0.0, False),
    ],
)
def test_more_than_the_threshold_of_all_has_to_drift(
    voting: int, clusters: int, threshold: float, realigns: bool
) -> None:
    assert decided([(n, 100.0) for n in range(1, voting + 1)], clusters, threshold) is realigns


def test_the_consensus_is_the_mean_of_those_that_point_somewhere() -> None:
    found = consensus(np.array([[1.0, 0.0], [0.0, 0.0], [0.0, 1.0]], np.float32))
    assert found is not None
    np.testing.assert_allclose(found, np.sqrt([0.5, 0.5]), rtol=1e-6)


@pytest.mark.parametrize(
    "aggregates", [np.zeros((0, 2)), np.zeros((3, 2)), np.array([[1.0, 0.0], [-1.0, 0.0]])]
)
def test_there_may_be_no_consensus(aggregates: np.ndarray) -> None:
    assert consensus(aggregates.astype(np.float32)) is None
