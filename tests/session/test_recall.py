import hypothesis.extra.numpy as hnp
import numpy as np
import numpy.typing as npt
from hypothesis import given
from hypothesis import strategies as st

from semvec.session.recall import Order, Scores, Signals, rank, relevance

shares = st.floats(0, 1, width=32)


def column(*values: float) -> Scores:
    return np.array(values, np.float32)


def alone(n: int) -> Order:
    return Order(np.full(n, -1), np.full(n, -1))


def in_a_row(n: int) -> Order:
    previous = np.arange(-1, n - 1)
    return Order(previous, np.append(np.arange(1, n), -1)[:n])


def signals(
    cosine: Scores,
    lexical: Scores | None = None,
    recency: Scores | None = None,
    importance: Scores | None = None,
    boost: Scores | None = None,
) -> Signals:
    none = np.zeros(len(cosine), np.float32)
    return Signals(
        (cosine,) if lexical is None else (cosine, lexical),
        none if recency is None else recency,
        none if importance is None else importance,
        boost,
    )


@given(st.data(), st.integers(0, 12))
def test_relevance_is_a_number_between_0_and_1(data: st.DataObject, n: int) -> None:
    cosine = data.draw(hnp.arrays(np.float32, n, elements=st.floats(-1, 1, width=32)))
    lexical = data.draw(hnp.arrays(np.float32, n, elements=st.floats(0, 3, width=32)))
    rest = [data.draw(hnp.arrays(np.float32, n, elements=shares)) for _ in range(3)]
    for scorers in ((cosine, lexical), (cosine,)):
        found = relevance(Signals(scorers, *rest), in_a_row(n))
        assert found.shape == (n,)
        assert found.dtype == np.float32
        assert bool(((found >= 0) & (found <= 1)).all())


def test_without_words_the_cosine_stands_alone() -> None:
    found = relevance(signals(column(0.8, 0.2, -0.5)), alone(3))
    np.testing.assert_allclose(found, [0.8, 0.2, 0.0], atol=1e-6)


def test_cosine_and_words_count_alike() -> None:
    found = relevance(signals(column(0.8, 0.2), column(0.2, 0.8)), alone(2))
    np.testing.assert_allclose(found, [0.5, 0.5], atol=1e-6)


def test_a_neighbour_raises_a_memory_and_the_one_before_more_than_the_one_after() -> None:
    after, match, before = relevance(signals(column(0.1, 0.9, 0.1)), in_a_row(3))[[2, 1, 0]]
    assert match > after > before > 0.1


def test_neighbours_are_those_in_order_of_learning_not_of_slots() -> None:
    order = Order(np.array([2, -1, -1]), np.array([-1, -1, 0]))
    found = relevance(signals(column(0.0, 0.0, 0.9)), order)
    assert found[0] > 0.0 == found[1]


def test_everything_else_only_raises_relevance() -> None:
    cosine, one = column(0.3, 0.3), column(0.0, 1.0)
    for raised in (
        relevance(signals(cosine, recency=one), alone(2)),
        relevance(signals(cosine, importance=one), alone(2)),
        relevance(signals(cosine, boost=0.5 * one), alone(2)),
    ):
        assert raised[1] > raised[0]
        np.testing.assert_allclose(raised[0], 0.3, atol=1e-6)


def test_arguments_stay_as_they_were() -> None:
    given_signals = signals(column(0.5, -0.5), column(2.0, 0.0))
    relevance(given_signals, in_a_row(2))
    cosine, lexical = given_signals.scorers
    assert cosine.tolist() == [0.5, -0.5]
    assert lexical.tolist() == [2.0, 0.0]


def test_ties_break_by_newest() -> None:
    ids = np.array([4, 9, 2, 7])
    assert rank(column(0.5, 0.5, 0.9, 0.5), ids, 3).tolist() == [2, 1, 3]


def test_empty_slots_are_never_ranked() -> None:
    assert rank(column(0.9, 0.1, 0.8), np.array([-1, 3, -1]), 5).tolist() == [1]
    assert rank(column(), np.array([], np.int64), 5).tolist() == []


@given(
    hnp.arrays(np.float32, st.integers(0, 30), elements=st.sampled_from([0.0, 0.25, 0.5, 1.0])),
    st.integers(0, 40),
)
def test_rank_is_the_head_of_the_full_order(values: Scores, k: int) -> None:
    ids: npt.NDArray[np.int64] = np.random.default_rng(len(values)).permutation(len(values)) - 1
    expected = sorted(
        (slot for slot in range(len(values)) if ids[slot] >= 0),
        key=lambda slot: (-values[slot], -ids[slot]),
    )
    assert rank(values, ids, k).tolist() == expected[:k]
