import numpy as np
import pytest

from semvec.session.events import Access, Tier
from semvec.session.memory import Memories, content_hash
from tests.session.conversations import new_session, play, said, talk, unit


def loaded(turns: int) -> Memories:
    session = new_session()
    list(talk(session, turns + 1))
    return session.memories


def test_hashes_are_stable_and_long() -> None:
    assert content_hash("Lima") == "aaf2d054d5f750cbf297a4ecd8c58f86"
    assert content_hash("Lima") != content_hash("lima")


def test_retention_keeps_the_used_the_important_and_the_distinct() -> None:
    memories, now = loaded(3), 1e6
    rows = np.array([memories.row(memory_id) for memory_id in (1, 2, 3)])
    memories.importance[rows] = memories.nearest[rows] = 0.5
    even = memories.retention(rows, now)
    assert even == pytest.approx(even[0], abs=1e-5)
    memories.touch(Access(1, 5, now - 10))
    assert memories.retention(rows, now).argmax() == 0
    memories.importance[rows[1]] = 0.9
    assert memories.retention(rows, now)[1] > memories.retention(rows, now)[2]
    memories.nearest[rows[2]] = 0.0
    assert memories.retention(rows, now)[2] > even[2]


def test_often_used_old_memories_outlive_never_used_newer_ones() -> None:
    session = new_session(long_term=10)
    list(talk(session, 20))
    play(session, accessed=[Access(1, 50, session.used_at)])
    for number in range(200):
        play(session, response=said(f"later remark {number}"))
    assert 1 in session.memories
    assert sum(memory_id in session.memories for memory_id in range(2, 12)) < 10


def test_base_level_activation_approximates_the_sum_over_accesses() -> None:
    memories = loaded(1)
    row, now = memories.row(1), 1e5
    memories.created[row], memories.nearest[row], memories.importance[row] = 0.0, 1.0, 0.0
    accesses = np.linspace(0, 9e4, 31)
    memories.accesses[row], memories.last_access[row] = len(accesses) - 1, accesses[-1]
    exact = np.log(np.sum((now - accesses) ** -0.5))
    assert memories.retention(np.array([row]), now)[0] == pytest.approx(exact, abs=0.05)


def test_neighbours_follow_the_order_of_learning_over_freed_rows() -> None:
    session = new_session(long_term=1)
    list(talk(session, 120))
    memories = session.memories
    for memory_id in sorted(each for held in memories.tier_ids.values() for each in held):
        row = memories.row(memory_id)
        for column, neighbour in (
            (memories.previous, memory_id - 1),
            (memories.next, memory_id + 1),
        ):
            expected = memories.row(neighbour) if neighbour in memories else -1
            assert column[row] == expected
    assert memories.count == 16 + 64 + 1 + 1


def test_cosines_take_the_nearer_of_question_and_text() -> None:
    session = new_session()
    play(session, message=said("question"))
    play(session, response=said("answer"))
    play(session, response=said("remark"))
    cosines = session.memories.cosines(said("question").vector[None])[0]
    assert cosines[0] == pytest.approx(1.0)
    assert cosines[1] == pytest.approx(float(said("remark").vector @ said("question").vector))
    assert session.memories.cosines(np.stack([unit(3)] * 3)).shape == (3, 2)


def test_bytes_grow_with_rows_and_texts_and_tiers_stay_in_bounds() -> None:
    small, large = loaded(10), loaded(100)
    assert large.nbytes > small.nbytes > small.vectors.nbytes
    assert len(large.tier_ids[Tier.SHORT_TERM]) == 16
