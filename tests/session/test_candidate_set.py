import numpy as np

from semvec.session.candidate_set import CandidateSet
from semvec.session.events import MemoryTier, Move
from semvec.session.session import Session
from tests.session.conversations import new_session, play, said


def told(number: int) -> Session:
    session = new_session()
    for memory in range(number):
        play(session, response=said(f"remark {memory}"))
    return session


def assert_in_order(pool: CandidateSet, session: Session, ids: list[int]) -> None:
    """In the order of learning, and what is known of each stands at its place."""
    assert pool.ids.tolist() == ids
    assert [pool.memory(place).id for place in range(len(pool))] == ids
    hot, archived = session.memories.ids, pool.archived.ids
    assert pool.merged(hot, archived).tolist() == ids
    assert pool.merged(np.stack([hot, hot]), np.stack([archived, archived])).tolist() == [ids, ids]


def test_rows_in_order_are_the_pool() -> None:
    session = told(5)
    assert_in_order(CandidateSet(session.memories, ()), session, [1, 2, 3, 4, 5])


def test_rows_that_are_empty_or_used_again_are_put_in_order() -> None:
    session = told(5)
    for gone in (2, 4):
        session.memories.move(Move(gone, MemoryTier.ARCHIVE))
    assert_in_order(CandidateSet(session.memories, ()), session, [1, 3, 5])
    play(session, response=said("another remark"))
    assert_in_order(CandidateSet(session.memories, ()), session, [1, 3, 5, 6])


def test_archived_ones_stand_where_they_were_learnt() -> None:
    session = told(5)
    record = session.memories.record(3)
    assert_in_order(CandidateSet(session.memories, [record]), session, [1, 2, 3, 4, 5])
    session.memories.move(Move(3, MemoryTier.ARCHIVE))
    pool = CandidateSet(session.memories, [record])
    assert_in_order(pool, session, [1, 2, 3, 4, 5])
    assert pool.archived_places.tolist() == [2]
    places, rows = pool.hot_among(np.array([4, 2, 0]))
    assert places.tolist() == [4, 0]
    assert session.memories.ids[rows].tolist() == [5, 1]
