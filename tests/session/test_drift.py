import msgspec
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from semvec.session.detector import observe
from semvec.session.drift import DriftState, Levels, Step, advance, pack, restart, unpack
from semvec.session.lexical_cues import HEARD, cues
from semvec.vectors import Vector, packed
from tests.session.streams import DIMENSION, after, heard, topics, unit_rows


@given(unit_rows(), st.data())
def test_a_replay_of_recorded_steps_is_exact_to_the_bit(
    inputs: Vector, data: st.DataObject
) -> None:
    live = replayed = DriftState.initial(inputs.shape[1])
    for x in inputs:
        step = observe(live, x, cues(data.draw(st.text("ab ?", max_size=12))))
        live = advance(live, step, x)
        recorded = msgspec.msgpack.decode(msgspec.msgpack.encode(step), type=Step)
        replayed = advance(unpack(pack(replayed)), recorded, x.copy())
        assert pack(replayed) == pack(live)


def test_stems_said_last_are_kept_each_once() -> None:
    x = topics(1)[0]
    state = DriftState.initial(DIMENSION)
    for text in ("boat harbour", "boat tide"):
        state = advance(state, observe(state, x, cues(text)), x)
    assert state.heard.tolist() == cues("harbour boat tide").stems.tolist()


def test_a_restart_forgets_the_segment_and_keeps_what_is_usual() -> None:
    inputs = topics(6, 3)
    state = after(inputs[:6], cues("boats"))
    renewed = restart(state)
    assert renewed.levels.similarity == state.levels.similarity
    assert renewed.heard.tolist() == cues("boats").stems.tolist()
    assert [step.detected for step in heard(inputs[6:], state=renewed)] == [False] * 3


def test_what_an_earlier_release_recorded_is_read() -> None:
    x = topics(1)[0]
    step = msgspec.msgpack.decode(
        msgspec.msgpack.encode({"score": 0.25, "levels": {"segment": 1}}), type=Step
    )
    assert advance(DriftState.initial(DIMENSION), step, x).heard.tolist() == []
    older = msgspec.msgpack.encode(("stable", Levels(), packed(np.zeros((5, DIMENSION), "f4"))))
    assert pack(unpack(older)) == pack(DriftState.initial(DIMENSION))


def test_a_state_stays_small() -> None:
    x = np.ones(384, np.float32) / np.sqrt(384, dtype=np.float32)
    state = DriftState.initial(384)
    for number in range(4):
        said = cues(" ".join(f"w{number}x{i}" for i in range(1000)))
        state = advance(state, observe(state, x, said), x)
    assert len(state.heard) == HEARD
    assert len(pack(state)) < 5 * 384 * 4 + HEARD * 4 + 400
