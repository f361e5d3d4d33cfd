import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from semvec.session.events import Access, MemoryTier, Move
from semvec.session.memory import Memories
from semvec.session.tiers import plan_moves, retention
from tests.session.conversations import new_session, play, said, talk


def loaded(turns: int, *, long_term: int = 4096) -> Memories:
    session = new_session(long_term=long_term)
    list(talk(session, turns + 1))
    return session.memories


def test_retention_keeps_the_used_the_important_and_the_distinct() -> None:
    memories, now = loaded(3), 1e6
    rows = np.array([memories.row(memory_id) for memory_id in (1, 2, 3)])
    memories.importance[rows] = memories.nearest[rows] = 0.5
    even = retention(memories, rows, now)
    assert even == pytest.approx(even[0], abs=1e-5)
    memories.touch(Access(1, 5, now - 10))
    assert retention(memories, rows, now).argmax() == 0
    memories.importance[rows[1]] = 0.9
    assert retention(memories, rows, now)[1] > retention(memories, rows, now)[2]
    memories.nearest[rows[2]] = 0.0
    assert retention(memories, rows, now)[2] > even[2]


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
    assert retention(memories, np.array([row]), now)[0] == pytest.approx(exact, abs=0.05)


@pytest.fixture(scope="module")
def full() -> Memories:
    return loaded(100, long_term=20)


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2)), min_size=20, max_size=20),
    st.integers(1, 25),
    st.sets(st.integers(80, 110)),
)
def test_the_archive_takes_what_is_retained_least_of_equals_the_oldest(
    full: Memories, marks: list[tuple[int, int]], arrivals: int, kept: set[int]
) -> None:
    memories, held = full, list(full.tier_ids[MemoryTier.LONG_TERM])
    for memory_id, (importance, nearest) in zip(held, marks, strict=True):
        row = memories.row(memory_id)
        memories.created[row] = memories.last_access[row] = 1000.0
        memories.importance[row], memories.nearest[row] = importance / 4, nearest / 4
    fresh = range(1000, 1000 + arrivals)
    moves = plan_moves(memories, {MemoryTier.SHORT_TERM: fresh}, 1e5, kept)
    candidates = held + [move.memory_id for move in moves if move.tier is MemoryTier.LONG_TERM]
    candidates = [each for each in candidates if each not in kept and each in memories]
    rows = np.array([memories.row(each) for each in candidates], np.intp)
    order = sorted(zip(retention(memories, rows, 1e5), candidates, strict=True))
    gone = [Move(memory_id, MemoryTier.ARCHIVE) for _, memory_id in order[:arrivals]]
    assert [move for move in moves if move.tier is MemoryTier.ARCHIVE] == gone
