from msgspec.structs import replace

from semvec.session import snapshot
from semvec.session.events import MemoryTier
from semvec.session.session import Session
from semvec.session.text_normalise import normalised_digest
from semvec.session.tiers import MEDIUM_TERM, SHORT_TERM
from tests.session.conversations import DIMENSION, decided, new_session, play, said, talk, worded


def texts_of(session: Session) -> list[str]:
    return [content.text for content in session.memories.contents if content is not None]


def test_a_message_waits_and_its_answer_makes_a_pair() -> None:
    session = new_session()
    play(session, message=said("What is the capital of Peru?"))
    assert session.pending is not None
    assert not len(session.memories)
    play(session, response=said("Lima."))
    (content,) = (each for each in session.memories.contents if each)
    assert (content.question, content.response) == ("What is the capital of Peru?", "Lima.")
    assert content.text == "What is the capital of Peru?\nLima."
    assert session.pending is None
    assert session.state.interaction_count == 1


def test_a_question_without_an_answer_is_learnt_alone() -> None:
    session = new_session()
    play(session, message=said("first"))
    play(session, message=said("second"))
    assert texts_of(session) == ["first"]
    assert session.pending is not None
    assert session.pending.text == "second"


def test_an_answer_without_a_question_is_learnt_alone() -> None:
    session = new_session()
    play(session, response=said("Caroline: I went to the lake."))
    assert texts_of(session) == ["Caroline: I went to the lake."]


def test_reset_drops_the_pairing_and_forgets_nothing() -> None:
    session = new_session()
    play(session, message=said("old question"))
    play(session, message=said("new question"), response=said("stray answer"), reset=True)
    assert texts_of(session) == ["old question", "stray answer"]
    assert session.state.interaction_count == 2


def test_the_same_words_reinforce_and_other_words_do_not() -> None:
    session = new_session()
    play(session, response=said("Alice owes Bob."))
    turn = play(session, response=said("  Alice owes\u00a0Bob"))
    assert turn.learnt[0].reinforces
    play(session, response=said("Bob owes Alice."))
    assert texts_of(session) == ["Alice owes Bob.", "Bob owes Alice."]
    assert session.state.interaction_count == 3
    row = session.memories.row(1)
    assert session.memories.accesses[row] == 1
    assert session.memories.importance[row] > session.memories.importance[session.memories.row(2)]


def test_the_same_words_twice_in_one_turn_make_one_memory() -> None:
    session = new_session()
    play(session, message=said("ok"))
    play(session, message=said("next"), response=said("ok!"), reset=True)
    assert texts_of(session) == ["ok"]
    assert session.state.interaction_count == 2


def test_memories_move_down_the_tiers_oldest_first() -> None:
    session = new_session(long_term=5)
    list(talk(session, SHORT_TERM + MEDIUM_TERM + 5 + 4))
    tiers = session.memories.tier_ids
    assert [len(held) for held in tiers.values()] == [SHORT_TERM, MEDIUM_TERM, 5]
    assert (
        min(tiers[MemoryTier.SHORT_TERM])
        > max(tiers[MemoryTier.MEDIUM_TERM])
        > max(tiers[MemoryTier.LONG_TERM])
    )
    assert session.archived == 3
    assert session.total_memories == SHORT_TERM + MEDIUM_TERM + 5 + 3


def test_a_memory_of_the_archive_comes_back() -> None:
    session = new_session(long_term=1)
    list(talk(session, 90))
    gone = next(number for number in range(1, 90) if number not in session.memories)
    content = "a memory that was put away"
    record = session.memories.record(next(iter(session.memories.tier_ids[MemoryTier.LONG_TERM])))
    record = replace(
        record, id=gone, hash="x", fold=normalised_digest(content), question=None, response=content
    )
    archived = session.archived
    turn = play(session, returned=[record])
    assert gone in session.memories.tier_ids[MemoryTier.SHORT_TERM]
    assert session.archived == archived - 1 + sum(m.tier is MemoryTier.ARCHIVE for m in turn.moves)


def test_deciding_changes_nothing() -> None:
    session = new_session()
    list(talk(session, 5))
    before = snapshot.take(session)
    decided(session, now=9e9, message=said("a"), response=said("b"), reset=True)
    assert snapshot.take(session) == before


def test_an_event_holds_the_token_vectors_of_a_memory_once() -> None:
    """Those of its parts together are too many, and give way to fewer."""
    session = new_session(token_dimension=DIMENSION)
    question = worded(" ".join(f"question{number}" for number in range(60)))
    answer = worded(" ".join(f"answer{number}" for number in range(60)))
    play(session, message=question)
    turn = play(session, response=answer)
    (learnt,) = turn.learnt
    assert learnt.tokens == session.memories.record(learnt.memory_id).tokens
    assert [each.tokens for each in turn.heard] == [None]
    again = play(session, message=question), play(session, response=answer)
    assert again[1].learnt[0].reinforces
    assert again[1].learnt[0].tokens is None
