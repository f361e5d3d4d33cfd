import math
from dataclasses import replace

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from semvec.session.detector import observe
from semvec.session.drift import DriftState, advance, pack
from semvec.session.lexical_cues import WORDLESS, cues
from semvec.vectors import Vector
from tests.session.streams import after, around, heard, slide, switches, topics, unit_rows

TEXTS = ("", "thank you", "is it?", "the harbour at dawn", "do they sell boats there?")


@given(unit_rows(), st.data())
def test_every_step_is_a_sound_verdict(inputs: Vector, data: st.DataObject) -> None:
    state = DriftState.initial(inputs.shape[1])
    for x in inputs:
        step = observe(state, x, cues(data.draw(st.sampled_from(TEXTS))))
        state = advance(state, step, x)
        assert 0.0 <= step.score <= 1.0
        assert step.detected == (step.score >= 0.5)
        assert not step.detected or step.phase == "drifted"
        levels = msgspec.structs.astuple(step.levels)
        assert all(math.isfinite(level) for level in levels)


def test_observing_changes_nothing() -> None:
    inputs = topics(5, 1)
    state = after(inputs[:-1])
    before = pack(state)
    assert observe(state, inputs[-1], WORDLESS) == observe(state, inputs[-1], WORDLESS)
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
    state = after(np.tile(np.array([1.0, 0.0], np.float32), (5, 1)))
    turned = [
        observe(state, np.array([math.cos(a), math.sin(a)], np.float32), WORDLESS).score
        for a in np.linspace(0, math.pi, 30)
    ]
    assert turned == sorted(turned)
    assert turned[0] < 0.1
    assert turned[-1] > 0.9


def test_a_phase_is_left_below_the_score_that_enters_it() -> None:
    state = after(np.tile(np.array([1.0, 0.0], np.float32), (5, 1)))
    drifted = replace(state, phase="drifted")
    phases = set()
    for angle in np.linspace(0, math.pi / 2, 400):
        x = np.array([math.cos(angle), math.sin(angle)], np.float32)
        fresh, held = observe(state, x, WORDLESS), observe(drifted, x, WORDLESS)
        assert held.detected == (held.score >= 0.5)
        phases.add((fresh.phase, held.phase))
    assert {("shifting", "drifted"), ("stable", "shifting"), ("stable", "stable")} <= phases


def score(text: str, before: str = "The harbour was calm and the boats lay at anchor.") -> float:
    """Of an input half turned away, after four of one subject; the last of them said `before`."""
    inputs = np.tile(np.array([1.0, 0.0], np.float32), (4, 1))
    state = after(inputs[:-1])
    state = advance(state, observe(state, inputs[-1], cues(before)), inputs[-1])
    x = np.array([math.cos(1.2), math.sin(1.2)], np.float32)
    return observe(state, x, cues(text)).score


@pytest.mark.parametrize(
    ("likelier", "less_likely"),
    [
        ("My sister bakes bread.", "The harbour boats lay calm."),
        ("Does my sister bake bread?", "My sister does bake bread."),
        ("My sister bakes bread.", "She bakes it."),
        ("My sister bakes bread.", "My sister bakes bread, thanks."),
    ],
)
def test_words_count_beside_the_vector(likelier: str, less_likely: str) -> None:
    assert score(likelier) > score(less_likely)


def test_an_answer_belongs_to_its_question() -> None:
    asked, told = "Who bakes your bread?", "Somebody bakes your bread."
    offered = "Who bakes your bread? Anything else?"
    answer = "My sister, on Sundays."
    assert score(answer, before=asked) < score(answer, before=told)
    assert score(answer, before=offered) == score(answer, before=told)


def test_words_alone_make_no_switch() -> None:
    same = np.tile(np.array([1.0, 0.0], np.float32), (30, 1))
    state = after(same)
    assert not observe(state, same[0], cues("Does my sister bake bread?")).detected
