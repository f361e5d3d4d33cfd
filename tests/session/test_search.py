import numpy as np
import pytest

from semvec.session.events import MemoryRecord, Move, Tier
from semvec.session.search import Query, Search
from semvec.session.session import Session
from tests.session.conversations import new_session, play, said

QUESTION = "What is the code?"


def familiar(
    session: Session,
    query: Query,
    *archived: MemoryRecord,
    threshold: float = 0.85,
) -> tuple[float, bool]:
    cosines = session.memories.cosines(query.vector[None])[0]
    return Search(session, query, cosines, session.used_at, archived).familiar(threshold)


def asked(text: str = QUESTION) -> Query:
    question = said(text)
    return Query(question.text, question.vector)


def ask(session: Session, *, answered: bool) -> None:
    """Have the question learnt, as a pair with its answer or alone."""
    play(session, message=said(QUESTION))
    if answered:
        play(session, response=said("The code is 42."))
    else:
        play(session, response=said("Good morning."), reset=True)


@pytest.mark.parametrize("order", [(True, False), (False, True)], ids=["pair first", "pair last"])
def test_of_equally_near_memories_the_answered_one_counts(order: tuple[bool, bool]) -> None:
    session = new_session()
    for answered in order:
        ask(session, answered=answered)
    nearest = np.sort(session.memories.cosines(asked().vector[None])[0])[-2:]
    np.testing.assert_allclose(nearest, 1.0, atol=1e-6)
    assert familiar(session, asked()) == pytest.approx((1.0, True), abs=1e-6)


def test_a_question_without_an_answer_answers_nothing() -> None:
    session = new_session()
    ask(session, answered=False)
    assert familiar(session, asked()) == pytest.approx((1.0, False), abs=1e-6)


def test_an_archived_pair_answers_too() -> None:
    past, session = new_session(), new_session()
    play(past, response=said("small talk"))
    ask(past, answered=True)
    (record,) = past.memories.records_after(1)
    play(session, response=said("Good morning."))
    assert not familiar(session, asked())[1]
    assert familiar(session, asked(), record) == pytest.approx((1.0, True), abs=1e-6)


def test_below_the_threshold_and_without_words_nothing_answers() -> None:
    session = new_session()
    ask(session, answered=True)
    assert familiar(session, Query(None, asked().vector)) == pytest.approx((1.0, False), abs=1e-6)
    near = asked().vector + 0.5 * said("anything").vector
    query = Query(QUESTION, (near / np.linalg.norm(near)).astype(np.float32))
    found, known = familiar(session, query, threshold=0.0)
    assert known
    assert familiar(session, query, threshold=found) == (found, True)
    assert familiar(session, query, threshold=float(np.nextafter(found, 2.0))) == (found, False)


def test_the_highest_cosine_may_be_negative() -> None:
    """Rows without a memory, whose cosine is 0, do not count."""
    session = new_session()
    for text in ("small talk", QUESTION):
        play(session, response=said(text))
    session.memories.move(Move(1, Tier.ARCHIVE))
    assert familiar(session, Query(QUESTION, -said(QUESTION).vector)) == pytest.approx(
        (-1.0, False), abs=1e-6
    )


def test_without_memories_nothing_is_familiar() -> None:
    session = new_session()
    assert familiar(session, asked(), threshold=0.0) == (0.0, False)
    play(session, response=said("small talk"))
    session.memories.move(Move(1, Tier.ARCHIVE))
    assert familiar(session, asked(), threshold=-1.0) == (0.0, False)
