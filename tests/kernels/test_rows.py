"""Promise 9 on NumPy: float32 on int8 codes against float64 references."""

import hypothesis.extra.numpy as hnp
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from semvec.kernels.numpy_ import cosines, nearest, quantise, token_maxima, unit_scales

Matrix = npt.NDArray[np.float64]


@st.composite
def unit_rows(draw: st.DrawFn, rows: int, dimension: int) -> Matrix:
    """Rows at unit length or zero."""
    raw = draw(hnp.arrays(np.float64, (rows, dimension), elements=st.floats(-1, 1)))
    lengths = np.linalg.norm(raw, axis=1, keepdims=True)
    unit: Matrix = np.divide(raw, lengths, out=np.zeros_like(raw), where=lengths > 1e-3)
    return unit


@st.composite
def queries_and_rows(draw: st.DrawFn) -> tuple[Matrix, Matrix]:
    d = draw(st.integers(1, 17))
    return draw(unit_rows(draw(st.integers(0, 3)), d)), draw(unit_rows(draw(st.integers(0, 9)), d))


def exact_rows(rows: Matrix) -> Matrix:
    """What the codes of rows stand for, in float64."""
    codes = quantise(rows).astype(np.float64)
    lengths = np.linalg.norm(codes, axis=1, keepdims=True)
    exact: Matrix = np.divide(codes, lengths, out=np.zeros_like(codes), where=lengths > 0)
    return exact


@given(queries_and_rows())
def test_float32_agrees_with_the_float64_reference(given_rows: tuple[Matrix, Matrix]) -> None:
    queries, rows = given_rows
    codes = quantise(rows)
    before = codes.copy(), queries.copy()
    found = cosines(queries.astype(np.float32), codes, unit_scales(codes))
    assert found.dtype == np.float32
    assert found.shape == (len(queries), len(rows))
    exact = np.einsum("md,nd->mn", queries, exact_rows(rows))
    np.testing.assert_allclose(found, exact, atol=1e-6)
    np.testing.assert_allclose(cosines(queries, codes, unit_scales(codes)), exact, atol=1e-6)
    np.testing.assert_array_equal(codes, before[0])
    np.testing.assert_array_equal(queries, before[1])


@given(unit_rows(5, 384))
def test_codes_keep_the_direction(rows: Matrix) -> None:
    kept = np.einsum("nd,nd->n", exact_rows(rows), rows)
    held = np.linalg.norm(rows, axis=1) > 0
    assert (kept[held] > 0.998).all()
    assert (kept[~held] == 0).all()


@pytest.mark.parametrize("scale", [1e-30, 1.0, 1e30])
def test_codes_do_not_depend_on_the_length(scale: float) -> None:
    row = np.random.default_rng(3).standard_normal((1, 384))
    np.testing.assert_array_equal(quantise(scale * row), quantise(row))
    assert abs(quantise(row)).max() == 127


def test_more_rows_than_one_block_are_compared() -> None:
    rows = np.random.default_rng(0).standard_normal((1000, 8)).astype(np.float32)
    codes = quantise(rows)
    scales = unit_scales(codes)
    exact = rows[:2] @ (codes * scales[:, None]).T
    np.testing.assert_allclose(cosines(rows[:2], codes, scales), exact, atol=1e-5)


@given(queries_and_rows())
def test_nearest_is_the_first_row_with_the_highest_cosine(
    given_rows: tuple[Matrix, Matrix],
) -> None:
    queries, rows = given_rows
    codes = quantise(rows)
    places, highest = nearest(queries, codes, unit_scales(codes))
    exact = cosines(queries, codes, unit_scales(codes))
    assert places.shape == highest.shape == (len(queries),)
    np.testing.assert_array_equal(highest, exact.max(axis=1, initial=-1.0))
    if len(rows):
        np.testing.assert_array_equal(places, exact.argmax(axis=1))


def test_nearest_looks_through_all_blocks() -> None:
    rows = np.random.default_rng(1).standard_normal((1000, 8)).astype(np.float32)
    codes = quantise(rows)
    scales = unit_scales(codes)
    places, highest = nearest(codes * scales[:, None], codes, scales)
    np.testing.assert_array_equal(places, np.arange(1000))
    np.testing.assert_allclose(highest, 1.0, atol=1e-5)


@st.composite
def ragged(draw: st.DrawFn) -> tuple[Matrix, list[Matrix]]:
    """Query tokens, and memories with none, one or more token vectors."""
    p = draw(st.integers(1, 9))
    lengths = draw(st.lists(st.integers(0, 5), max_size=6))
    return draw(unit_rows(draw(st.integers(0, 4)), p)), [draw(unit_rows(n, p)) for n in lengths]


@given(ragged(), st.integers(0, 3))
def test_token_maxima_are_the_highest_cosines_in_each_memory(
    case: tuple[Matrix, list[Matrix]], gap: int
) -> None:
    queries, memories = case
    p = queries.shape[1]
    parts = [part for rows in memories for part in (np.ones((gap, p)), rows)]
    codes = quantise(np.concatenate([np.zeros((0, p)), *parts]))
    lengths = np.array([len(rows) for rows in memories], np.intp)
    starts = np.cumsum(lengths + gap) - lengths
    found = token_maxima(queries.astype(np.float32), codes, unit_scales(codes), starts, lengths)
    exact = [[max([0.0, *(exact_rows(rows) @ token)]) for rows in memories] for token in queries]
    assert found.shape == (len(queries), len(memories))
    np.testing.assert_allclose(found, np.array(exact).reshape(found.shape), atol=1e-6)
