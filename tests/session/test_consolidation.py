from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from semvec.session import consolidation
from semvec.session.consolidation import (
    COVER_IMPORTANCE,
    COVERING,
    Finding,
    consolidated,
    due,
)
from semvec.session.events import ConsolidationStatus, MemoryRecord, MemoryTier
from semvec.session.session import Session
from semvec.session.text_normalise import content_hash, normalised_digest
from semvec.session.turn import EncodedText
from semvec.vectors import Vector, codes, normalised
from tests.session.conversations import consolidate, new_session, play, said, talk, unit

D = 3


def near(subject: int, wording: int, spread: float) -> Vector:
    """One of the wordings of a subject."""
    x = unit(subject, D) + spread * unit(1000 * subject + wording + 17, D)
    return normalised(x[None]).reshape(-1)


def record(memory_id: int, x: Vector, importance: float = 0.5) -> MemoryRecord:
    text = f"remark {memory_id}"
    fold = normalised_digest(text)
    vector = codes(x)
    return MemoryRecord(
        memory_id, content_hash(text), fold, None, text, vector, None, 0.0, 0.0, 0, importance, 0.9
    )


def holding(vectors: Sequence[Vector]) -> Session:
    """With long-term memories of these vectors, numbered from 1."""
    session = new_session(dimension=D)
    for memory_id, x in enumerate(vectors, 1):
        session.memories.add(record(memory_id, x), MemoryTier.LONG_TERM)
    return session


def standing(session: Session, memory_id: int) -> tuple[ConsolidationStatus, float]:
    memories, row = session.memories, session.memories.row(memory_id)
    return ConsolidationStatus(memories.standing[row]), float(memories.importance[row])


def test_of_two_alike_the_first_covers_and_gains_importance() -> None:
    session = holding([unit(1, D), near(1, 1, 0.1), -unit(1, D)])
    consolidate(session)
    assert standing(session, 1) == (ConsolidationStatus.COVERS, COVER_IMPORTANCE)
    assert standing(session, 2) == (ConsolidationStatus.COVERED, 0.5)
    assert standing(session, 3) == (ConsolidationStatus.COVERS, COVER_IMPORTANCE)
    memories = session.memories
    assert memories.content(memories.row(2)).text == "remark 2"
    cosine = unit(1, D) @ near(1, 1, 0.1)
    assert memories.nearest[memories.row(2)] == pytest.approx(cosine, abs=0.01)
    assert memories.nearest[memories.row(3)] == 0.0


wordings = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 9)), min_size=1, max_size=60)


@given(wordings, st.floats(0.05, 2.0))
def test_each_memory_covers_or_is_covered_and_none_that_covers_is_near_another(
    said_of: list[tuple[int, int]], spread: float
) -> None:
    session = holding([near(*each, spread) for each in said_of])
    consolidate(session)
    memories, count = session.memories, session.memories.count
    codes, scales = memories.vectors.gathered(np.arange(count))
    vectors = codes * scales[:, None]
    covers = memories.standing[:count] == ConsolidationStatus.COVERS
    cosines = vectors @ vectors.T
    assert (cosines[~covers][:, covers].max(axis=1, initial=1.0) >= COVERING - 1e-6).all()
    np.fill_diagonal(cosines, -1.0)
    assert (cosines[np.ix_(covers, covers)] < COVERING + 1e-6).all()
    assert set(memories.standing[:count].tolist()) <= {
        ConsolidationStatus.COVERS,
        ConsolidationStatus.COVERED,
    }
    exact = [cosines[row, :row][covers[:row]].max(initial=0.0) for row in range(count)]
    np.testing.assert_allclose(memories.nearest[:count], exact, atol=1e-5)


@given(wordings, st.integers(1, 20))
def test_batches_find_what_one_pass_finds(said_of: list[tuple[int, int]], size: int) -> None:
    vectors = [near(*each, 0.7) for each in said_of]
    at_once, in_batches = holding(vectors), holding([])
    consolidate(at_once)
    for memory_id, x in enumerate(vectors, 1):
        in_batches.memories.add(record(memory_id, x), MemoryTier.LONG_TERM)
        if memory_id % size == 0:
            consolidate(in_batches)
    consolidate(in_batches)
    left, right = in_batches.memories, at_once.memories
    np.testing.assert_array_equal(left.standing, right.standing)
    np.testing.assert_allclose(left.nearest, right.nearest, atol=1e-6)


def test_importance_does_not_creep() -> None:
    session = holding([near(1, wording, 0.1) for wording in range(40)])
    for _ in range(50):
        consolidate(session)
        session.memories.standing[:] = ConsolidationStatus.NEW
    assert session.memories.importance.max() == COVER_IMPORTANCE


def test_what_is_more_important_stays_so() -> None:
    session = holding([])
    session.memories.add(record(1, unit(1, D), 0.95), MemoryTier.LONG_TERM)
    consolidate(session)
    assert standing(session, 1) == (ConsolidationStatus.COVERS, 0.95)


def test_a_memory_is_judged_once() -> None:
    session = holding([unit(1, D), unit(2, D)])
    assert consolidate(session) is not None
    assert consolidate(session) is None


def test_a_batch_takes_the_oldest_of_the_new(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consolidation, "MOST", 3)
    session = holding([])
    for memory_id in (7, 2, 9, 4, 1):
        session.memories.add(record(memory_id, unit(memory_id, D)), MemoryTier.LONG_TERM)
    event = consolidate(session)
    assert event is not None
    assert [verdict.memory_id for verdict in event.verdicts] == [1, 2, 4]


def test_findings_count_as_far_as_they_still_hold() -> None:
    session = new_session(long_term=20)
    list(talk(session, 121))
    memories = session.memories
    first, second, third, fourth = list(memories.tier_ids[MemoryTier.LONG_TERM])[:4]
    gone = next(memory_id for memory_id in range(1, 100) if memory_id not in memories)
    short = next(iter(memories.tier_ids[MemoryTier.SHORT_TERM]))
    memories.standing[memories.row(second)] = ConsolidationStatus.COVERS
    found = [
        Finding(first, third, 0.9),
        Finding(second, third, 0.9),
        Finding(third, 0, -1.0),
        Finding(fourth, gone, 0.9),
        Finding(gone, third, 0.9),
        Finding(short, third, 0.9),
    ]
    event = consolidated(memories, found, 1.0)
    assert event is not None
    assert [verdict.memory_id for verdict in event.verdicts] == [first, third]


def test_nothing_is_due_before_long_term_fills() -> None:
    session = new_session(long_term=100)
    for number in range(16 + 64 + 49):
        play(session, response=said(f"remark {number}"))
    assert not due(session.memories)
    play(session, response=said("one more"))
    assert due(session.memories)
    consolidate(session)
    assert not due(session.memories)
    for number in range(11):
        play(session, response=said(f"later remark {number}"))
    assert not due(session.memories)
    play(session, response=said("the twelfth"))
    assert due(session.memories)


def test_the_covered_leave_first() -> None:
    session = new_session(long_term=40, dimension=64)
    for number in range(16 + 64 + 40):
        again = number < 40 and number % 4 == 0
        x = 3 * unit(5, 64) + unit(number, 64) if again else unit(number + 1000, 64)
        text = f"{'again' if again else 'remark'} {number}"
        play(session, response=EncodedText(text, normalised(x[None])[0]))
    consolidate(session)
    alike = {1 + number for number in range(4, 40, 4)}
    held = session.memories.tier_ids[MemoryTier.LONG_TERM]
    assert {
        each for each in held if standing(session, each)[0] is ConsolidationStatus.COVERED
    } == alike
    for number in range(len(alike)):
        play(session, response=EncodedText(f"later {number}", unit(number + 2000, 64)))
    assert set(range(1, session.next_id)) - set(session.memories.ids.tolist()) == alike
