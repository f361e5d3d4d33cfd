import numpy as np
import pytest

from semvec.session.events import MemoryTier
from semvec.session.memory import Memories
from semvec.session.text_normalise import content_hash
from tests.session.conversations import new_session, play, said, talk, unit


def loaded(turns: int) -> Memories:
    session = new_session()
    list(talk(session, turns + 1))
    return session.memories


def test_hashes_are_stable_and_long() -> None:
    assert content_hash("Lima") == "aaf2d054d5f750cbf297a4ecd8c58f86"
    assert content_hash("Lima") != content_hash("lima")


def test_rows_that_the_archive_frees_are_used_again() -> None:
    session = new_session(long_term=1)
    list(talk(session, 120))
    memories = session.memories
    assert memories.count == 16 + 64 + 1 + 1
    held = sorted(memory_id for ids in memories.tier_ids.values() for memory_id in ids)
    assert sorted(memories.ids[memories.ids >= 0].tolist()) == held


def test_cosines_take_the_nearer_of_question_and_text() -> None:
    session = new_session()
    play(session, message=said("question"))
    play(session, response=said("answer"))
    play(session, response=said("remark"))
    cosines = session.memories.cosines(said("question").vector[None])[0]
    assert cosines[0] == pytest.approx(1.0, abs=1e-4)
    exact = float(said("remark").vector @ said("question").vector)
    assert cosines[1] == pytest.approx(exact, abs=0.01)
    assert session.memories.cosines(np.stack([unit(3)] * 3)).shape == (3, 2)


def test_bytes_grow_with_rows_and_texts_and_tiers_stay_in_bounds() -> None:
    small, large = loaded(10), loaded(100)
    assert large.nbytes > small.nbytes > small.vectors.nbytes
    assert len(large.tier_ids[MemoryTier.SHORT_TERM]) == 16
