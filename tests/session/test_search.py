from collections.abc import Sequence

import numpy as np
import pytest

from semvec.session import search
from semvec.session.events import MemoryRecord, MemoryTier, Move
from semvec.session.query import EncodedQuery
from semvec.session.search import LONGEST_QUERY, Found, Search
from semvec.session.session import Session
from semvec.session.turn import EncodedText
from tests.session.conversations import DIMENSION, new_session, play, said, worded

QUESTION = "What is the code?"


def familiar(
    session: Session,
    query: EncodedQuery,
    *archived: MemoryRecord,
    threshold: float = 0.85,
) -> tuple[float, bool]:
    cosines = session.memories.cosines(query.vector[None])[0]
    return Search(session, query, cosines, session.used_at, archived).familiar(threshold)


def asked(text: str = QUESTION) -> EncodedQuery:
    question = said(text)
    return EncodedQuery(question.text, question.vector)


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
    np.testing.assert_allclose(nearest, 1.0, atol=1e-4)
    assert familiar(session, asked()) == pytest.approx((1.0, True), abs=1e-4)


def test_a_question_without_an_answer_answers_nothing() -> None:
    session = new_session()
    ask(session, answered=False)
    assert familiar(session, asked()) == pytest.approx((1.0, False), abs=1e-4)


def test_an_archived_pair_answers_too() -> None:
    past, session = new_session(), new_session()
    play(past, response=said("small talk"))
    ask(past, answered=True)
    (record,) = past.memories.records_after(1)
    play(session, response=said("Good morning."))
    assert not familiar(session, asked())[1]
    assert familiar(session, asked(), record) == pytest.approx((1.0, True), abs=1e-4)


def test_below_the_threshold_and_without_words_nothing_answers() -> None:
    session = new_session()
    ask(session, answered=True)
    assert familiar(session, EncodedQuery(None, asked().vector)) == pytest.approx(
        (1.0, False), abs=1e-4
    )
    near = asked().vector + 0.5 * said("anything").vector
    query = EncodedQuery(QUESTION, (near / np.linalg.norm(near)).astype(np.float32))
    found, known = familiar(session, query, threshold=0.0)
    assert known
    assert familiar(session, query, threshold=found) == (found, True)
    assert familiar(session, query, threshold=float(np.nextafter(found, 2.0))) == (found, False)


def test_the_highest_cosine_may_be_negative() -> None:
    """Rows without a memory, whose cosine is 0, do not count."""
    session = new_session()
    for text in ("small talk", QUESTION):
        play(session, response=said(text))
    session.memories.move(Move(1, MemoryTier.ARCHIVE))
    assert familiar(session, EncodedQuery(QUESTION, -said(QUESTION).vector)) == pytest.approx(
        (-1.0, False), abs=1e-4
    )


def test_without_memories_nothing_is_familiar() -> None:
    session = new_session()
    assert familiar(session, asked(), threshold=0.0) == (0.0, False)
    play(session, response=said("small talk"))
    session.memories.move(Move(1, MemoryTier.ARCHIVE))
    assert familiar(session, asked(), threshold=-1.0) == (0.0, False)


def test_the_same_words_are_as_near_as_can_be() -> None:
    session = new_session()
    ask(session, answered=True)
    assert familiar(session, asked(), threshold=1.0) == (1.0, True)


def test_a_near_question_with_its_answer_counts_beside_a_nearer_one_without() -> None:
    session = new_session()
    ask(session, answered=False)
    near = asked().vector + 0.1 * said("anything").vector
    paraphrase = EncodedText(
        "Please, what is the code", (near / np.linalg.norm(near)).astype(np.float32)
    )
    play(session, message=paraphrase)
    play(session, response=said("The code is 42."))
    assert familiar(session, asked()) == (1.0, True)


LINES = [
    "Ada bought a red bicycle",
    "that sounds fun",
    "Bob moved to Turin",
    "the weather was grey",
    "Ada repaired the chain herself",
    "dinner was late again",
]


def told(lines: Sequence[str], *, tokens: bool = True, long_term: int = 4096) -> Session:
    session = new_session(token_dimension=DIMENSION if tokens else 0, long_term=long_term)
    for line in lines:
        play(session, response=worded(line) if tokens else said(line))
    return session


def found(session: Session, text: str, *archived: MemoryRecord, k: int = 3) -> list[Found]:
    question = worded(text)
    tokens = question.tokens if session.profile.token_dimension else None
    cosines = session.memories.cosines(question.vector[None])[0]
    query = EncodedQuery(text, question.vector, tokens)
    return Search(session, query, cosines, session.used_at, archived).best(k)


@pytest.mark.parametrize("tokens", [True, False])
def test_the_memory_with_the_words_comes_first_and_its_neighbours_near_it(tokens: bool) -> None:
    best = found(told(LINES, tokens=tokens), "who moved to Turin")
    assert best[0].text == LINES[2]
    assert {best[1].text, best[2].text} & {LINES[1], LINES[3]}
    assert best[0].relevance > best[1].relevance >= best[2].relevance


def test_a_word_in_one_turn_and_another_in_the_next_make_one_answer() -> None:
    lines = ["where is the lantern now", "Bob has it", *LINES, "Bob is late"]
    assert found(told(lines), "Bob lantern")[0].text == lines[1]


def test_a_memory_without_token_vectors_is_found_by_its_own_vector() -> None:
    session = told(LINES)
    play(session, response=said("a quiet remark"))
    assert session.memories.tokens.packed(6) is None
    question = worded("unheard-of words")
    query = EncodedQuery(question.text, said("a quiet remark").vector, question.tokens)
    cosines = session.memories.cosines(query.vector[None])[0]
    best = Search(session, query, cosines, session.used_at).best(1)
    assert best[0].text == "a quiet remark"


def test_words_count_for_a_memory_without_token_vectors_as_for_a_query_without() -> None:
    session = new_session(token_dimension=DIMENSION)
    for line in LINES:
        play(session, response=said(line))
    asked_with, asked_without = worded("Turin"), said("Turin")
    cosines = np.zeros(len(LINES), np.float32)
    for question in (asked_with, asked_without):
        query = EncodedQuery(question.text, question.vector, question.tokens)
        best = Search(session, query, cosines, session.used_at).best(1)[0]
        assert best.text == LINES[2]
        assert best.relevance == pytest.approx(search.POOLED_WORD_SHARE, abs=0.02)


def test_a_shortlist_finds_what_a_whole_comparison_finds(monkeypatch: pytest.MonkeyPatch) -> None:
    session = told([f"{line} {number}" for number in range(40) for line in LINES])
    whole = found(session, "who moved to Turin in 17")
    monkeypatch.setattr(search, "SHORTLIST", 4)
    short = found(session, "who moved to Turin in 17")
    assert short[0].text == whole[0].text == "Bob moved to Turin 17"


def test_archived_memories_are_ranked_like_hot_ones_and_know_their_neighbours() -> None:
    """Whichever of them are archived, the same memories come in the same order."""
    past = told(LINES)
    expected = [each.text for each in found(past, "who moved to Turin")]
    records = list(past.memories.records_after(0))
    for gone in ([3], [2, 3], [2, 4], [1, 2, 3, 4, 5, 6]):
        session = told(LINES)
        for memory_id in gone:
            session.memories.move(Move(memory_id, MemoryTier.ARCHIVE))
        archived = [record for record in records if record.id in gone]
        assert [each.text for each in found(session, "who moved to Turin", *archived)] == expected


def test_a_query_by_vector_alone_finds_the_nearest() -> None:
    session = told(LINES)
    query = EncodedQuery(None, said(LINES[4]).vector)
    cosines = session.memories.cosines(query.vector[None])[0]
    assert Search(session, query, cosines, session.used_at).best(1)[0].text == LINES[4]
    assert Search(session, query, cosines, session.used_at).best(0) == []


def test_nothing_is_found_in_an_empty_session() -> None:
    assert found(told([]), "who moved to Turin") == []


def test_a_very_long_question_is_the_same_only_to_the_letter() -> None:
    long = QUESTION + " Well?" * LONGEST_QUERY
    session = new_session()
    play(session, message=EncodedText(long, asked().vector))
    play(session, response=said("The code is 42."))
    assert familiar(session, EncodedQuery(long, asked().vector)) == (1.0, True)
    assert not familiar(session, EncodedQuery(long.upper(), asked().vector))[1]
    assert not familiar(session, asked())[1]
