"""What clusters point at, beside float64."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from semvec.groups.cluster import TEMPERATURE, ClusterStates, aggregates
from semvec.kernels.protocol import Groups

Reals = npt.NDArray[Any]


def unit(x: Reals) -> Reals:
    exact = x.astype(np.float64)
    length = np.sqrt((exact * exact).sum(axis=-1, keepdims=True))
    found: Reals = np.divide(exact, length, out=np.zeros_like(exact), where=length > 1e-6)
    return found


def expected(gathered: ClusterStates, group: int) -> Reals:
    """By the definition."""
    first, last = gathered.groups.offsets[group : group + 2]
    which = gathered.groups.members[first:last]
    rows = unit(gathered.states[which])
    if not len(rows):
        return np.zeros(gathered.states.shape[1])
    weights = gathered.updates[which].astype(np.float64)
    if gathered.attends[group]:
        scores = rows @ unit(gathered.queries[group]) / TEMPERATURE
        weights = np.exp(scores - scores.max())
    return unit(weights @ rows)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(0, 9), st.sampled_from([1, 3, 16, 384]))
def test_aggregates_are_as_defined(seed: int, number: int, dimension: int) -> None:
    rng = np.random.default_rng(seed)
    states = rng.standard_normal((30, dimension)).astype(np.float32)
    states *= rng.random((30, 1), np.float32)
    states[rng.random(30) < 0.2] = 0.0
    lengths = rng.integers(0, 8, number)
    gathered = ClusterStates(
        states=states,
        updates=rng.integers(0, 9, 30),
        groups=Groups(
            rng.integers(0, 30, lengths.sum()), np.append(0, np.cumsum(lengths)).astype(np.int64)
        ),
        queries=np.where(
            rng.random((number, 1)) < 0.3, 0.0, rng.standard_normal((number, dimension))
        ).astype(np.float32),
        attends=rng.random(number) < 0.5,
    )
    found = aggregates(gathered)
    assert found.shape == (number, dimension)
    for group in range(number):
        np.testing.assert_allclose(found[group], expected(gathered, group), atol=2e-4)


@pytest.mark.parametrize("attends", [False, True])
def test_members_that_cancel_out_point_nowhere(attends: bool) -> None:
    states = np.array([[0.5, 0.0], [-0.9, 0.0]], np.float32)
    gathered = ClusterStates(
        states=states,
        updates=np.array([7, 7]),
        groups=Groups(np.array([0, 1]), np.array([0, 2])),
        queries=np.zeros((1, 2), np.float32),
        attends=np.array([attends]),
    )
    assert aggregates(gathered).tolist() == [[0.0, 0.0]]


def test_members_without_an_update_weigh_nothing_on_average() -> None:
    states = np.array([[1.0, 0.0], [0.0, 0.1]], np.float32)
    for updates, direction in (([0, 0], [0.0, 0.0]), ([0, 2], [0.0, 1.0]), ([5, 0], [1.0, 0.0])):
        gathered = ClusterStates(
            states=states,
            updates=np.array(updates),
            groups=Groups(np.array([0, 1]), np.array([0, 2])),
            queries=np.zeros((1, 2), np.float32),
            attends=np.array([False]),
        )
        assert aggregates(gathered).tolist() == [direction]
