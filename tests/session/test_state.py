import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from semvec.session.state import (
    BASE_GAIN,
    BOOSTED_GAIN,
    PHASE_PATIENCE,
    WARM_UP,
    SessionPhase,
    State,
    trend,
    wanted_phase,
)
from semvec.vectors import Vector
from tests.session.conversations import DIMENSION, unit


def learn(state: State, *vectors: Vector) -> None:
    for x in vectors:
        state.apply(state.decide(x), x)


def history(state: State, name: str) -> list[float]:
    return [getattr(update, name) for update in state.updates]


def test_the_state_is_a_true_mean_at_first() -> None:
    state, vectors = State(DIMENSION), [unit(seed) for seed in range(20)]
    learn(state, *vectors)
    np.testing.assert_allclose(state.mean, np.mean(vectors, axis=0), atol=1e-6)
    assert history(state, "beta") == pytest.approx([1 / t for t in range(1, 21)])


def test_then_an_exponentially_weighted_one() -> None:
    state = State(DIMENSION)
    learn(state, *(unit(seed) for seed in range(25)))
    before, x = state.mean, unit(99)
    learn(state, x)
    np.testing.assert_allclose(state.mean, (1 - BASE_GAIN) * before + BASE_GAIN * x)


def test_a_template_counts_as_one_update() -> None:
    template, x = unit(1), unit(2)
    state = State(DIMENSION, template)
    learn(state, x)
    np.testing.assert_allclose(state.mean, (template + x) / 2, atol=1e-7)
    assert state.updates[0].beta == 0.5


def test_similarity_is_measured_against_the_state_before() -> None:
    state = State(DIMENSION)
    learn(state, unit(1), unit(2))
    assert history(state, "similarity") == pytest.approx([0.0, float(unit(2) @ unit(1))], abs=1e-6)


def test_the_norm_is_the_mean_resultant_length() -> None:
    steady, scattered = State(DIMENSION), State(DIMENSION)
    learn(steady, *[unit(1)] * 30)
    learn(scattered, *(unit(seed) for seed in range(30)))
    assert steady.updates[-1].norm == pytest.approx(1.0)
    assert scattered.updates[-1].norm < 0.5
    assert scattered.updates[-1].norm == pytest.approx(float(np.linalg.norm(scattered.mean)))


def test_a_switch_raises_the_gain_for_so_many_updates() -> None:
    state = State(DIMENSION)
    learn(state, *(unit(seed) for seed in range(40)))
    state.switch(at=7.0, score=0.9, boost=3)
    learn(state, *(unit(seed) for seed in range(4)))
    assert history(state, "beta")[-4:] == [BOOSTED_GAIN] * 3 + [BASE_GAIN]
    assert [(each.interaction_count, each.at) for each in state.switches] == [(40, 7.0)]


def test_phases_begin_with_initialization_and_need_patience() -> None:
    state = State(DIMENSION)
    learn(state, *[unit(1)] * 30)
    assert state.phase == "resonance"
    phases = list[SessionPhase]()
    for seed in range(100, 100 + PHASE_PATIENCE + 3):
        learn(state, unit(seed))
        phases.append(state.phase)
    assert phases[: PHASE_PATIENCE - 1] == ["resonance"] * (PHASE_PATIENCE - 1)
    assert phases[-1] == "divergence"


def test_the_first_phase_lasts_as_long_as_the_warm_up() -> None:
    state = State(DIMENSION)
    learn(state, *[unit(1)] * (WARM_UP + 1))
    assert [each.phase for each in state.updates][:WARM_UP] == ["initialization"] * WARM_UP
    assert state.phase != "initialization"


def test_a_phase_for_each_rule_and_none_between() -> None:
    assert wanted_phase(50, 0.9, 0.9) == "convergence"
    assert wanted_phase(50, 0.9, -0.9) == "divergence"
    assert wanted_phase(50, 0.9, 0.0) == "resonance"
    assert wanted_phase(50, 0.1, 0.0) == "exploration"
    assert wanted_phase(50, 0.5, 0.0) is None


@given(st.lists(st.floats(-1, 1), max_size=20))
def test_the_trend_is_bounded(similarities: list[float]) -> None:
    assert -1.0 <= trend(similarities) <= 1.0


def test_the_trend_rises_and_falls() -> None:
    assert trend([0.1] * 15 + [0.9] * 5) == 1.0
    assert trend([0.9] * 15 + [0.1] * 5) == -1.0
    assert trend([0.3] * 20) == trend([0.1, 0.9]) == 0.0


@settings(deadline=None)
@given(st.lists(st.integers(0, 1000), min_size=1, max_size=60))
def test_the_norm_never_leaves_the_unit_interval(seeds: list[int]) -> None:
    state = State(DIMENSION)
    learn(state, *map(unit, seeds))
    assert all(0.0 <= norm <= 1.0 for norm in history(state, "norm"))
