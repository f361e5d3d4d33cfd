import math
from dataclasses import replace

import hypothesis.extra.numpy as hnp
import msgspec
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from semvec.session.drift import DriftState, Step, advance, observe, pack, restart, unpack
from semvec.vectors import Vector

DIMENSION = 64


def unit(vectors: npt.NDArray[np.float64]) -> Vector:
    """Rows at unit length, float32."""
    lengths: npt.NDArray[np.float64] = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return (vectors / lengths).astype(np.float32)


def around(path: npt.NDArray[np.float64], noise: float, seed: int = 7) -> Vector:
    """Unit vectors scattered about a path, shape (n, d); `noise` is their distance from it."""
    scatter = np.random.default_rng(seed).normal(size=path.shape) / math.sqrt(path.shape[1])
    return unit(path + noise * scatter)


def topics(*lengths: int, noise: float = 0.7) -> Vector:
    """Inputs about one subject after another, each at a right angle to the rest."""
    return around(np.repeat(np.eye(DIMENSION)[: len(lengths)], lengths, axis=0), noise)


def slide(before: int, length: int, after: int, noise: float) -> Vector:
    """A right angle turned in `length` equal steps."""
    angle = np.concatenate(
        [np.zeros(before), np.linspace(0, math.pi / 2, length), np.full(after, math.pi / 2)]
    )
    path = np.zeros((len(angle), DIMENSION))
    path[:, 0], path[:, 1] = np.cos(angle), np.sin(angle)
    return around(path, noise)


def heard(inputs: Vector, state: DriftState | None = None) -> list[Step]:
    state = state or DriftState.initial(inputs.shape[1])
    steps = []
    for x in inputs:
        steps.append(observe(state, x))
        state = advance(state, steps[-1], x)
    return steps


def switches(inputs: Vector) -> list[int]:
    return [i for i, step in enumerate(heard(inputs)) if step.detected]


streams = hnp.arrays(
    np.float32,
    st.tuples(st.integers(1, 12), st.integers(1, 5)),
    elements=st.floats(-1, 1, width=32),
)


@given(streams)
def test_every_step_is_a_sound_verdict(raw: Vector) -> None:
    assume(bool((np.linalg.norm(raw, axis=1) > 1e-3).all()))
    for step in heard(unit(raw.astype(np.float64))):
        assert 0.0 <= step.score <= 1.0
        assert not step.detected or step.phase == "drifted"
        levels = msgspec.structs.astuple(step.levels)
        assert all(math.isfinite(level) for level in levels)


@given(streams)
def test_a_replay_of_recorded_steps_is_exact_to_the_bit(raw: Vector) -> None:
    assume(bool((np.linalg.norm(raw, axis=1) > 1e-3).all()))
    live = replayed = DriftState.initial(raw.shape[1])
    for x in unit(raw.astype(np.float64)):
        step = observe(live, x)
        live = advance(live, step, x)
        recorded = msgspec.msgpack.decode(msgspec.msgpack.encode(step), type=Step)
        replayed = advance(unpack(pack(replayed)), recorded, x.copy())
        assert pack(replayed) == pack(live)


def test_observing_changes_nothing() -> None:
    inputs = topics(5, 1)
    state = DriftState.initial(DIMENSION)
    for x in inputs[:-1]:
        state = advance(state, observe(state, x), x)
    before = pack(state)
    assert observe(state, inputs[-1]) == observe(state, inputs[-1])
    assert pack(state) == before


def test_the_first_input_is_stable() -> None:
    (step,) = heard(topics(1))
    assert (step.score, step.phase, step.detected) == (0.0, "stable", False)


@pytest.mark.parametrize("lengths", [(6, 6, 6), (3, 4, 3, 5, 3), (1, 4), (30, 30)])
def test_each_switch_is_detected_once_where_it_happens(lengths: tuple[int, ...]) -> None:
    assert switches(topics(*lengths)) == np.cumsum(lengths)[:-1].tolist()


def test_a_switch_right_after_a_switch_is_one_more() -> None:
    assert switches(topics(5, 1, 5)) == [5, 6]


def test_one_dimension_knows_two_directions() -> None:
    signs = np.array([1, 1, 1, -1, -1, -1], np.float32)
    assert switches(signs[:, None]) == [3]


@pytest.mark.parametrize("noise", [0.0, 0.3, 0.7])
def test_a_steady_stream_raises_no_alarm(noise: float) -> None:
    assert switches(topics(300, noise=noise)) == []


def test_a_restless_stream_soon_counts_as_usual() -> None:
    alarms = switches(around(np.repeat(np.eye(384)[:1], 300, axis=0), 2.0))
    assert len([i for i in alarms if i >= 100]) <= 10


@pytest.mark.parametrize("noise", [0.0, 0.3, 0.7])
@pytest.mark.parametrize("length", [30, 60, 120])
def test_a_slow_slide_is_found_once_before_it_is_long_over(length: int, noise: float) -> None:
    (found,) = switches(slide(20, length, 10, noise))
    assert 20 < found < 20 + length + 10


def test_the_score_grows_with_the_turn_of_the_subject() -> None:
    state = DriftState.initial(2)
    start = np.array([1.0, 0.0], np.float32)
    for _ in range(5):
        state = advance(state, observe(state, start), start)
    turned = [
        observe(state, np.array([math.cos(a), math.sin(a)], np.float32)).score
        for a in np.linspace(0, math.pi, 30)
    ]
    assert turned == sorted(turned)
    assert turned[0] < 0.1
    assert turned[-1] > 0.9


def test_a_phase_is_left_below_the_score_that_enters_it() -> None:
    state = DriftState.initial(2)
    start = np.array([1.0, 0.0], np.float32)
    for _ in range(5):
        state = advance(state, observe(state, start), start)
    drifted = replace(state, phase="drifted")
    phases = set()
    for angle in np.linspace(0, math.pi / 2, 400):
        x = np.array([math.cos(angle), math.sin(angle)], np.float32)
        fresh, held = observe(state, x), observe(drifted, x)
        assert held.detected == (held.score >= 0.5)
        phases.add((fresh.phase, held.phase))
    assert {("shifting", "drifted"), ("stable", "shifting"), ("stable", "stable")} <= phases


def test_a_restart_forgets_the_segment_and_keeps_what_is_usual() -> None:
    inputs = topics(6, 3)
    state = DriftState.initial(DIMENSION)
    for x in inputs[:6]:
        state = advance(state, observe(state, x), x)
    renewed = restart(state)
    assert renewed.levels.similarity == state.levels.similarity
    assert [step.detected for step in heard(inputs[6:], renewed)] == [False] * 3


def test_a_packed_state_is_a_few_vectors() -> None:
    assert len(pack(DriftState.initial(384))) < 5 * 384 * 4 + 300
