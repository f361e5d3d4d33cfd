"""Promise 9: rows in groups, beside float64."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from semvec.kernels import numpy_
from semvec.kernels.protocol import Groups, Kernels, Pairs, Runs
from tests.kernels import cases
from tests.kernels.cases import AWAY, CODES_AWAY, Matrix, seeds, unchanged

few = settings(max_examples=20, deadline=None)


def check_pairs(
    pairs: Pairs, exact: Matrix, left: list[list[int]], right: list[list[int]] | None, least: float
) -> None:
    """All pairs that clearly reach `least`, in order, and none that clearly does not."""
    known: dict[tuple[int, int, int], float] = {}
    for group, ours in enumerate(left):
        for place, row in enumerate(ours):
            for other in ours[place + 1 :] if right is None else right[group]:
                known[group, row, other] = float(exact[row] @ exact[other])
    columns = (each.tolist() for each in (pairs.groups, pairs.left, pairs.right))
    found = list(zip(*columns, strict=True))
    there = set(found)
    assert found == [key for key in known if key in there]
    assert {key for key, near in known.items() if near >= least + AWAY} <= there
    np.testing.assert_allclose(pairs.cosines, [known[key] for key in found], atol=AWAY)
    assert (pairs.cosines >= least).all()


@few
@given(seeds, cases.dimensions, st.integers(0, 3), st.sampled_from([0.05, 0.2, 0.9]))
def test_promise_9_near_pairs_of_each_group_are_found(
    kernels: Kernels, seed: int, dimension: int, number: int, least: float
) -> None:
    rng = np.random.default_rng(seed)
    rows, exact = cases.placed_rows(kernels, cases.some_unit(rng, 90, dimension), "int8")
    runs = cases.some_runs(rng, number, len(exact), most=1)
    with unchanged(kernels, rows, runs):
        pairs = kernels.near_pairs(rows, runs, least)
    check_pairs(pairs, exact, cases.rows_of(runs), None, least)


@few
@given(seeds, cases.dimensions, st.integers(0, 3))
def test_promise_9_near_rows_across_two_sides_are_found(
    kernels: Kernels, seed: int, dimension: int, number: int
) -> None:
    rng = np.random.default_rng(seed)
    rows, exact = cases.placed_rows(kernels, cases.some_unit(rng, 90, dimension), "int8")
    left, right = (cases.some_runs(rng, number, len(exact), most=1) for _ in range(2))
    with unchanged(kernels, rows, left, right):
        pairs = kernels.near_across(rows, left, right, 0.2)
    check_pairs(pairs, exact, cases.rows_of(left), cases.rows_of(right), 0.2)


def test_more_pairs_than_expected_are_found(kernels: Kernels) -> None:
    rows, _ = cases.placed_rows(kernels, np.full((130, 16), 0.25), "int8")
    pairs = kernels.near_pairs(rows, Runs.single([0], [130]), 0.5)
    assert len(pairs.left) == 130 * 129 // 2
    assert (pairs.left < pairs.right).all()


def test_pairs_of_long_rows_in_several_tiles(kernels: Kernels) -> None:
    rng = np.random.default_rng(2)
    vectors = cases.unit(rng, 150, 200)
    vectors[75:] = numpy_.normalised(0.8 * vectors[:75] + 0.6 * vectors[75:])
    rows, exact = cases.placed_rows(kernels, vectors, "int8")
    pairs = kernels.near_pairs(rows, Runs.single([0], [150]), 0.5)
    assert len(pairs.left) > 50
    check_pairs(pairs, exact, [list(range(150))], None, 0.5)


def some_groups(rng: np.random.Generator, number: int, rows: int) -> Groups:
    sizes = rng.integers(0, 20, number) if rows else np.zeros(number, np.int64)
    members = rng.integers(0, max(rows, 1), sizes.sum())
    return Groups(members, np.append(0, np.cumsum(sizes)).astype(np.int64))


@few
@given(seeds, cases.dimensions, cases.row_types, st.integers(0, 4))
def test_promise_9_weighted_means(
    kernels: Kernels, seed: int, dimension: int, kind: str, number: int
) -> None:
    rng = np.random.default_rng(seed)
    rows, exact = cases.placed_rows(kernels, cases.some_unit(rng, 50, dimension), kind)
    groups = some_groups(rng, number, len(exact))
    weights = rng.integers(0, 3, len(groups.members)).astype(np.float32)
    with unchanged(kernels, rows, groups, weights):
        found = kernels.weighted_means(rows, groups, weights)
    assert found.shape == (number, dimension)
    for mean, first, last in zip(found, groups.offsets[:-1], groups.offsets[1:], strict=True):
        total = weights[first:last].sum() or 1.0
        expected = weights[first:last].astype(np.float64) @ exact[groups.members[first:last]]
        np.testing.assert_allclose(mean, expected / total, atol=AWAY)


@few
@given(seeds, cases.dimensions, cases.row_types, st.integers(0, 4))
def test_promise_9_attention_means(
    kernels: Kernels, seed: int, dimension: int, kind: str, number: int
) -> None:
    rng = np.random.default_rng(seed)
    rows, exact = cases.placed_rows(kernels, cases.some_unit(rng, 50, dimension), kind)
    groups = some_groups(rng, number, len(exact))
    queries = cases.queries(rng, number, dimension)
    queries[rng.random(number) < 0.3] = 0.0
    with unchanged(kernels, rows, groups, queries):
        found = kernels.attention_means(queries, rows, groups, 0.1)
    for j, mean in enumerate(found):
        members = exact[groups.members[groups.offsets[j] : groups.offsets[j + 1]]]
        powers = np.exp(members @ queries[j].astype(np.float64) / 0.1)
        expected = powers @ members / max(powers.sum(), 1e-300)
        np.testing.assert_allclose(mean, expected, atol=CODES_AWAY)


@pytest.mark.parametrize("kind", ["int8", "float16", "float32"])
def test_groups_larger_than_a_block(kernels: Kernels, kind: str) -> None:
    rng = np.random.default_rng(4)
    rows, exact = cases.placed_rows(kernels, cases.unit(rng, 700, 48), kind)
    groups = Groups(np.arange(700), np.array([0, 330, 640, 700]))
    queries = cases.queries(rng, 3, 48)
    found = kernels.attention_means(queries, rows, groups, 0.5)
    plain = kernels.weighted_means(rows, groups, np.ones(700, np.float32))
    for j, (first, last) in enumerate(pairwise(groups.offsets)):
        members = exact[first:last]
        powers = np.exp(members @ queries[j].astype(np.float64) / 0.5)
        np.testing.assert_allclose(found[j], powers @ members / powers.sum(), atol=CODES_AWAY)
        np.testing.assert_allclose(plain[j], members.mean(axis=0), atol=AWAY)


def test_an_empty_query_gives_the_plain_mean(kernels: Kernels) -> None:
    rows, exact = cases.placed_rows(kernels, cases.unit(np.random.default_rng(3), 9, 16), "float32")
    groups = Groups(np.arange(9), np.array([0, 9]))
    found = kernels.attention_means(np.zeros((1, 16), np.float32), rows, groups, 0.1)
    np.testing.assert_allclose(found[0], exact.mean(axis=0), atol=AWAY)


def test_attention_of_a_cold_softmax_is_the_nearest_member(kernels: Kernels) -> None:
    rows, _ = cases.placed_rows(kernels, np.eye(4, 16), "float32")
    groups, queries = Groups(np.arange(4), np.array([0, 4])), np.eye(4, 16, dtype=np.float32)
    found = kernels.attention_means(queries[2:3], rows, groups, 0.001)
    np.testing.assert_array_equal(found[0], np.eye(4, 16)[2])


@few
@given(seeds, cases.dimensions, st.integers(0, 30))
def test_promise_9_rows_by_themselves(
    kernels: Kernels, seed: int, dimension: int, number: int
) -> None:
    rng = np.random.default_rng(seed)
    values = (3.0 * cases.unit(rng, number, dimension)).astype(np.float32)
    lengths = np.linalg.norm(values.astype(np.float64), axis=1, keepdims=True)
    placed = kernels.to_device(values)
    with unchanged(kernels, placed):
        unit, codes = kernels.normalised(placed), kernels.quantise(placed)
        scales = kernels.unit_scales(codes)
        back = kernels.to_host(kernels.dequantise(codes, scales))
    exact = values / np.where(lengths > 0, lengths, 1.0)
    np.testing.assert_allclose(kernels.to_host(unit), exact, atol=AWAY)
    np.testing.assert_allclose(np.linalg.norm(back, axis=1), lengths[:, 0] > 0, atol=AWAY)
    largest = np.abs(values).max(axis=1, keepdims=True, initial=0.0)
    steps = np.where(largest > 0, np.float32(127) / np.where(largest > 0, largest, 1), 0)
    np.testing.assert_array_equal(kernels.to_host(codes), np.rint(values * steps))


def test_float64_gives_float64() -> None:
    rng = np.random.default_rng(5)
    rows, exact = cases.placed_rows(numpy_, cases.unit(rng, 40, 384), "float64")
    queries, runs = cases.unit(rng, 1, 384), Runs.single([0], [40])
    top = numpy_.cosine_top(queries, rows, np.arange(40), runs, 40)
    assert top.scores.dtype == np.float64
    np.testing.assert_allclose(top.scores[0], np.sort(exact @ queries[0])[::-1], atol=1e-15)
    groups = Groups(np.arange(40), np.array([0, 40]))
    mean = numpy_.weighted_means(rows, groups, np.ones(40))
    np.testing.assert_allclose(mean[0], exact.mean(axis=0), atol=1e-15)
