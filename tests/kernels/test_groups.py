"""Promise 9: rows in groups, beside float64."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from semvec.kernels import numpy_
from semvec.kernels.protocol import Groups, Runs
from tests.kernels import cases
from tests.kernels.cases import AWAY, CODES_AWAY, seeds, unchanged

few = settings(max_examples=20, deadline=None)


def some_groups(rng: np.random.Generator, number: int, rows: int) -> Groups:
    sizes = rng.integers(0, 20, number) if rows else np.zeros(number, np.int64)
    members = rng.integers(0, max(rows, 1), sizes.sum())
    return Groups(members, np.append(0, np.cumsum(sizes)).astype(np.int64))


@few
@given(seeds, cases.dimensions, cases.row_types, st.integers(0, 4))
def test_promise_9_weighted_means(seed: int, dimension: int, kind: str, number: int) -> None:
    rng = np.random.default_rng(seed)
    rows, exact = cases.placed_rows(numpy_, cases.some_unit(rng, 50, dimension), kind)
    groups = some_groups(rng, number, len(exact))
    weights = rng.integers(0, 3, len(groups.members)).astype(np.float32)
    with unchanged(numpy_, rows, groups, weights):
        found = numpy_.weighted_means(rows, groups, weights)
    assert found.shape == (number, dimension)
    for mean, first, last in zip(found, groups.offsets[:-1], groups.offsets[1:], strict=True):
        total = weights[first:last].sum() or 1.0
        expected = weights[first:last].astype(np.float64) @ exact[groups.members[first:last]]
        np.testing.assert_allclose(mean, expected / total, atol=AWAY)


@few
@given(seeds, cases.dimensions, cases.row_types, st.integers(0, 4))
def test_promise_9_attention_means(seed: int, dimension: int, kind: str, number: int) -> None:
    rng = np.random.default_rng(seed)
    rows, exact = cases.placed_rows(numpy_, cases.some_unit(rng, 50, dimension), kind)
    groups = some_groups(rng, number, len(exact))
    queries = cases.queries(rng, number, dimension)
    queries[rng.random(number) < 0.3] = 0.0
    with unchanged(numpy_, rows, groups, queries):
        found = numpy_.attention_means(queries, rows, groups, 0.1)
    for j, mean in enumerate(found):
        members = exact[groups.members[groups.offsets[j] : groups.offsets[j + 1]]]
        powers = np.exp(members @ queries[j].astype(np.float64) / 0.1)
        expected = powers @ members / max(powers.sum(), 1e-300)
        np.testing.assert_allclose(mean, expected, atol=CODES_AWAY)


@pytest.mark.parametrize("kind", ["int8", "float16", "float32"])
def test_groups_larger_than_a_block(kind: str) -> None:
    rng = np.random.default_rng(4)
    rows, exact = cases.placed_rows(numpy_, cases.unit(rng, 700, 48), kind)
    groups = Groups(np.arange(700), np.array([0, 330, 640, 700]))
    queries = cases.queries(rng, 3, 48)
    found = numpy_.attention_means(queries, rows, groups, 0.5)
    plain = numpy_.weighted_means(rows, groups, np.ones(700, np.float32))
    for j, (first, last) in enumerate(pairwise(groups.offsets)):
        members = exact[first:last]
        powers = np.exp(members @ queries[j].astype(np.float64) / 0.5)
        np.testing.assert_allclose(found[j], powers @ members / powers.sum(), atol=CODES_AWAY)
        np.testing.assert_allclose(plain[j], members.mean(axis=0), atol=AWAY)


def test_an_empty_query_gives_the_plain_mean() -> None:
    rows, exact = cases.placed_rows(numpy_, cases.unit(np.random.default_rng(3), 9, 16), "float32")
    groups = Groups(np.arange(9), np.array([0, 9]))
    found = numpy_.attention_means(np.zeros((1, 16), np.float32), rows, groups, 0.1)
    np.testing.assert_allclose(found[0], exact.mean(axis=0), atol=AWAY)


def test_attention_of_a_cold_softmax_is_the_nearest_member() -> None:
    rows, _ = cases.placed_rows(numpy_, np.eye(4, 16), "float32")
    groups, queries = Groups(np.arange(4), np.array([0, 4])), np.eye(4, 16, dtype=np.float32)
    found = numpy_.attention_means(queries[2:3], rows, groups, 0.001)
    np.testing.assert_array_equal(found[0], np.eye(4, 16)[2])


def test_float64_gives_float64() -> None:
    rng = np.random.default_rng(5)
    rows, exact = cases.placed_rows(numpy_, cases.unit(rng, 40, 384), "float64")
    queries, runs = cases.unit(rng, 1, 384), Runs.single([0], [40])
    found = numpy_.ragged_cosines(queries, rows, runs)
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, exact @ queries[0], atol=1e-15)
    groups = Groups(np.arange(40), np.array([0, 40]))
    mean = numpy_.weighted_means(rows, groups, np.ones(40))
    np.testing.assert_allclose(mean[0], exact.mean(axis=0), atol=1e-15)
