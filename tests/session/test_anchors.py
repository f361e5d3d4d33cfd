import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from semvec.session.anchors import AnchorSet
from semvec.session.events import Profile, SessionCreated, StoredPolicyVector
from semvec.session.session import Session
from semvec.session.state import PULL, REALIGNING_PATIENCE, REALIGNING_UPDATES
from semvec.vectors import Vector, packed
from tests.session.conversations import DIMENSION, new_session, unit
from tests.session.journals import Input, anchor, perform, turn


def axis(place: int) -> Vector:
    x: Vector = np.zeros(DIMENSION, np.float32)
    x[place] = 1.0
    return x


def governed(*policies: tuple[Vector, float]) -> Session:
    vectors = tuple(StoredPolicyVector(packed(vector), weight) for vector, weight in policies)
    return Session(SessionCreated(0.0, Profile(DIMENSION, None, 4096, policies=vectors)))


def learn(session: Session, seed: int) -> None:
    perform(session, turn(None, Input(f"remark {session.seq}", seed), False))


def score(session: Session) -> float:
    return session.anchors.nearest(session.state.direction())[0]


def test_without_anchors_nothing_strays() -> None:
    assert AnchorSet(3).nearest(None) == (1.0, 0)
    session = new_session()
    for seed in range(9):
        learn(session, seed)
    assert score(session) == 1.0
    assert session.state.realignment_remaining == 0


def test_without_a_direction_the_score_is_zero() -> None:
    session = new_session()
    perform(session, anchor(1))
    assert score(session) == 0.0


def test_the_nearest_anchor_counts() -> None:
    session = governed((axis(0), 0.5), (axis(1), 2.0))
    near = (axis(1) + 0.5 * axis(0)) / np.sqrt(1.25)
    cosine, place = session.anchors.nearest(near)
    assert cosine == pytest.approx(1 / np.sqrt(1.25))
    assert place == 1
    assert len(session.anchors) == 2
    perform(session, anchor(3))
    assert len(session.anchors) == 3


@pytest.mark.parametrize("weight", [1.0, 3.0, 1e6])
def test_realignment_begins_after_three_updates_astray_and_counts_down(weight: float) -> None:
    session = governed((axis(0), weight))
    away = np.roll(axis(0), 1)
    remaining = []
    for _ in range(REALIGNING_PATIENCE + REALIGNING_UPDATES):
        mean = session.state.mean
        decided = session.state.decide(away, session.anchors)
        session.state.apply(decided, away, session.anchors)
        remaining.append(session.state.realignment_remaining)
        if decided.pull:
            moved = (1 - decided.beta) * mean + decided.beta * away.astype(np.float64)
            pull = min(1.0, PULL * weight)
            expected = (1 - pull) * moved + pull * axis(0).astype(np.float64)
            np.testing.assert_array_equal(session.state.mean, expected)
    assert remaining[:REALIGNING_PATIENCE] == [0, 0, REALIGNING_UPDATES]
    assert remaining[REALIGNING_PATIENCE:-1] == [4, 3, 2, 1]


def test_what_comes_back_is_left_alone() -> None:
    session = governed((axis(0), 1.0))
    away = np.roll(axis(0), 1)
    for x in (away, axis(0), away, away, axis(0), away, away, axis(0)):
        session.state.apply(session.state.decide(x, session.anchors), x, session.anchors)
        assert session.state.realignment_remaining == 0


def test_realignment_brings_a_strayed_session_back() -> None:
    pulled, free = governed((unit(1), 1.0)), new_session()
    for seed in range(100, 160):
        for session in (pulled, free):
            learn(session, seed)
    direction = free.state.direction()
    assert direction is not None
    assert score(pulled) > float(direction @ unit(1)) + 0.2


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 9), max_size=40), st.lists(st.integers(0, 9), max_size=3))
def test_the_state_stays_within_the_unit_ball(seeds: list[int], anchored: list[int]) -> None:
    session = governed((unit(77), 1e6))
    for seed in anchored:
        perform(session, anchor(seed))
    for seed in seeds:
        learn(session, seed)
        assert float(np.linalg.norm(session.state.mean)) <= 1.0 + 1e-6
        assert -1.0 <= score(session) <= 1.0
        assert 0 <= session.state.realignment_remaining <= REALIGNING_UPDATES
