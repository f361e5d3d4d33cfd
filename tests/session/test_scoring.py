import hypothesis.extra.numpy as hnp
import numpy as np
import numpy.typing as npt
from hypothesis import given
from hypothesis import strategies as st

from semvec.kernels.numpy_ import spread
from semvec.session.scoring import (
    NEXT_SHARE,
    PREVIOUS_SHARE,
    MemoryIds,
    Scores,
    Signals,
    match,
    rank,
    relevance,
)

shares = st.floats(0, 1, width=32)


def column(*values: float) -> Scores:
    return np.array(values, np.float32)


def apart(n: int) -> MemoryIds:
    """Ids of memories that have no neighbours among each other."""
    return 10 * np.arange(n)


def signals(n: int, **known: Scores) -> Signals:
    none = np.zeros(n, np.float32)
    return Signals(known.get("recency", none), known.get("importance", none), known.get("boost"))


@given(st.data(), st.integers(0, 12), st.integers(1, 4))
def test_relevance_is_a_number_between_0_and_1(data: st.DataObject, n: int, q: int) -> None:
    answered = data.draw(hnp.arrays(np.float32, (q, n), elements=shares))
    weights = np.full(q, 1.0 / q, np.float32)
    rest = [data.draw(hnp.arrays(np.float32, n, elements=shares)) for _ in range(3)]
    found = relevance(match(answered, weights, np.arange(n)), Signals(*rest))
    assert found.shape == (n,)
    assert found.dtype == np.float32
    assert bool(((found >= 0) & (found <= 1)).all())


def test_units_count_by_their_weights() -> None:
    answered = np.array([[1.0, 0.0], [0.0, 1.0]], np.float32)
    found = match(answered, column(0.75, 0.25), apart(2))
    np.testing.assert_allclose(found, [0.75, 0.25])


def test_neighbours_answer_for_a_memory_the_less_the_further_they_are() -> None:
    answered = np.zeros((1, 9), np.float32)
    answered[0, 4] = 1.0
    found = match(answered, column(1.0), np.arange(9))
    np.testing.assert_allclose(found, [0, 0, *reversed(PREVIOUS_SHARE), 1.0, *NEXT_SHARE, 0])


def test_each_unit_takes_the_nearest_answer_of_its_own() -> None:
    """A question's one word stands in this turn and the other in the turn before."""
    answered = np.array([[1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0]], np.float32)
    found = match(answered, column(0.5, 0.5), np.arange(4))
    assert found.argmax() == 1
    assert found[1] == np.float32(0.5 * (1.0 + NEXT_SHARE[0]))


@given(st.sets(st.integers(1, 30), min_size=1), st.integers(1, 3))
def test_a_neighbour_is_one_whose_id_is_near_whatever_lies_between(ids: set[int], q: int) -> None:
    held = np.array(sorted(ids))
    answered = np.random.default_rng(len(ids)).random((q, len(held))).astype(np.float32)
    shares = {
        0: 1.0,
        1: NEXT_SHARE[0],
        2: NEXT_SHARE[1],
        3: NEXT_SHARE[2],
        -1: PREVIOUS_SHARE[0],
        -2: PREVIOUS_SHARE[1],
    }
    expected = [
        [
            max(shares.get(here - there, 0.0) * row[j] for j, there in enumerate(held))
            for here in held
        ]
        for row in answered
    ]
    np.testing.assert_allclose(
        spread(answered, held, NEXT_SHARE, PREVIOUS_SHARE), expected, rtol=1e-6
    )


def test_everything_else_only_raises_relevance() -> None:
    matched, one = column(0.3, 0.3), column(0.0, 1.0)
    for known in ({"recency": one}, {"importance": one}, {"boost": 0.5 * one}):
        raised = relevance(matched, signals(2, **known))
        assert raised[1] > raised[0]
        np.testing.assert_allclose(raised[0], 0.3, atol=1e-6)


def test_arguments_stay_as_they_were() -> None:
    answered = np.array([[0.5, 0.25]], np.float32)
    match(answered, column(1.0), np.arange(2))
    assert answered.tolist() == [[0.5, 0.25]]


def test_ties_break_by_newest() -> None:
    ids = np.array([4, 9, 2, 7])
    assert rank(column(0.5, 0.5, 0.9, 0.5), ids, 3).tolist() == [2, 1, 3]


@given(
    hnp.arrays(np.float32, st.integers(0, 30), elements=st.sampled_from([0.0, 0.25, 0.5, 1.0])),
    st.integers(0, 40),
)
def test_rank_is_the_head_of_the_full_order(values: Scores, k: int) -> None:
    ids: npt.NDArray[np.int64] = np.random.default_rng(len(values)).permutation(len(values))
    expected = sorted(range(len(values)), key=lambda place: (-values[place], -ids[place]))
    assert rank(values, ids, k).tolist() == expected[:k]
