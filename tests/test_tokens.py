import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from semvec.tokens import MAX_KEPT_TOKENS, pooled, projection, repooled, token_weights, tokens_of
from semvec.vectors import Vector, normalised


def rows(seed: int, n: int, d: int = 384) -> Vector:
    return normalised(np.random.default_rng(seed).standard_normal((n, d)).astype(np.float32))


def codes(kept: bytes, p: int = 128) -> Vector:
    return normalised(np.frombuffer(kept, np.int8).reshape(-1, p).astype(np.float32))


@pytest.mark.parametrize("dimension", [1, 7, 128, 384, 1024])
def test_the_projection_keeps_lengths_in_what_it_keeps(dimension: int) -> None:
    columns = projection(dimension)
    assert columns.shape == (dimension, min(128, dimension))
    np.testing.assert_allclose(columns.T @ columns, np.eye(columns.shape[1]), atol=1e-5)


def test_the_projection_never_changes() -> None:
    """Vectors that were kept long ago are compared with those of today."""
    columns = projection(384)
    expected = [[0.051031, 0.072168, 0.072166], [-0.051031, -0.072163, -0.072147]]
    np.testing.assert_allclose(columns[:2, :3], expected, atol=1e-5)
    signs = "".join("+" if sign > 0 else "-" for sign in columns[:24, 0])
    assert signs == "+-+++-++--+++---+-++--+-"


def test_cosines_are_about_what_they_were() -> None:
    near = normalised(rows(0, 200) + 0.7 * rows(1, 200))
    exact = (near * rows(0, 200)).sum(axis=1)
    projected = normalised(near @ projection(384)) * normalised(rows(0, 200) @ projection(384))
    assert np.abs(projected.sum(axis=1) - exact).mean() < 0.06


def test_a_text_is_kept_as_a_share_of_its_tokens_and_never_more_than_fits() -> None:
    for n, kept in ((0, 0), (1, 1), (2, 1), (12, 6), (50, 23), (2048, MAX_KEPT_TOKENS)):
        tokens = tokens_of(rows(n, n), ["lighthouse"] * n)
        assert tokens.vectors.shape == (n, 128)
        assert len(tokens.kept) == 128 * kept


def test_stop_words_weigh_little_and_punctuation_nothing() -> None:
    weights = token_weights(["The", "lighthouse", ",", "is", "red", "!"])
    assert weights.tolist() == pytest.approx([0.2, 1.0, 0.0, 0.2, 1.0, 0.0])
    vectors = rows(3, 3)
    (*_, last) = codes(tokens_of(vectors, ["lighthouse", ",", "!"]).kept)
    assert float(last @ normalised(vectors @ projection(384))[0]) == pytest.approx(1.0, abs=0.01)


def test_a_text_of_punctuation_alone_is_kept_all_the_same() -> None:
    assert len(tokens_of(rows(4, 3), ["?", "!", "…"]).kept) == 128 * 2


def test_tokens_that_mean_the_same_are_pooled_first() -> None:
    apart, twins = rows(5, 3, 16), rows(6, 1, 16)
    found = pooled(np.concatenate([apart, twins, twins]), np.ones(5, np.float32), 4)
    assert found.shape == (4, 16)
    nearest = (found @ np.concatenate([apart, twins]).T).max(axis=0)
    np.testing.assert_allclose(nearest, 1.0, atol=1e-5)


@given(st.integers(0, 40), st.integers(1, 30), st.integers(0, 5))
def test_any_number_of_vectors_is_pooled_to_unit_vectors(n: int, number: int, seed: int) -> None:
    """Equal vectors too, whose distances are all the same."""
    vectors = np.repeat(rows(seed, max(1, n // 3), 8), 3, axis=0)[:n]
    before = vectors.copy()
    found = pooled(vectors, np.ones(len(vectors), np.float32), number)
    assert len(found) == min(len(vectors), number)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1.0, atol=1e-5)
    np.testing.assert_array_equal(vectors, before)


def test_a_pair_has_no_more_vectors_than_a_memory_may() -> None:
    half = tokens_of(rows(7, 100), ["lighthouse"] * 100).kept
    assert repooled(half, 128) is None
    assert repooled(None, 128) is None
    both = repooled(half + half, 128)
    assert both is not None
    assert len(both) == 128 * MAX_KEPT_TOKENS
