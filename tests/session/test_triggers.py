import numpy as np
import pytest

from semvec.session.boost import ANCHOR_SHARE, TESTED, TRIGGER_SHARE
from semvec.session.events import MemoryRecord, Trigger
from semvec.session.query import EncodedQuery
from semvec.session.search import Found, Search
from semvec.session.session import Session
from semvec.session.triggers import TriggerSet
from semvec.vectors import Vector, packed
from tests.session.conversations import DIMENSION, new_session, unit
from tests.session.journals import (
    Input,
    anchor,
    contents,
    no_triggers,
    perform,
    trigger,
    turn,
)

FAR = unit(1000)


def fires(keyword: str, query: str) -> bool:
    triggers = TriggerSet(DIMENSION)
    triggers.add(Trigger(1, keyword, None, 0.8))
    return bool(triggers.fired(query, FAR))


@pytest.mark.parametrize(
    ("keyword", "query", "expected"),
    [
        ("refund", "Where is my REFUND?", True),
        ("Refund", "refunds are slow", False),
        ("cat", "a catalogue", False),
        ("new york", "Flights to New-York!", True),
        ("new york", "York is new", False),
        ("straße", "In der STRASSE", True),
        ("MAX_RETRIES", "what is max_retries", True),
        ("東京", "東京タワー", True),
        ("the", "the end", True),
        ("é", "e\u0301", True),
    ],
)
def test_a_keyword_is_whole_words_without_case(keyword: str, query: str, expected: bool) -> None:
    assert fires(keyword, query) is expected


def test_an_embedding_fires_from_its_threshold_on() -> None:
    triggers = TriggerSet(DIMENSION)
    cosine = float(unit(1) @ unit(2))
    for number, threshold in enumerate((cosine - 1e-3, cosine, cosine + 1e-3), 1):
        triggers.add(Trigger(number, None, packed(unit(1)), threshold))
    assert len(triggers.fired(None, unit(2)).vectors) == 2
    assert not triggers.fired(None, -unit(1)).vectors.size
    triggers.discard(1)
    assert len(triggers.fired(None, unit(2)).vectors) == 1


def learnt(session: Session, *texts: str) -> None:
    for seed, text in enumerate(texts):
        perform(session, turn(None, Input(text, seed), False))


def relevances(
    session: Session, text: str | None, x: Vector, archived: list[MemoryRecord] | None = None
) -> dict[str, float]:
    cosines = session.memories.cosines(x[None])[0]
    search = Search(session, EncodedQuery(text, x), cosines, 2000.0, archived or [])
    found: list[Found] = search.best(50)
    return {each.text: each.relevance for each in found}


def lifted(before: float, share: float) -> object:
    return pytest.approx(1 - (1 - before) * (1 - share), abs=1e-5)


def test_where_the_keyword_is_asked_for_memories_that_name_it_are_lifted() -> None:
    session = new_session()
    learnt(session, "the refund came", "refunds come late", "we met in Oslo")
    asked, other = "is my refund there?", "is my parcel there?"
    before = relevances(session, asked, FAR), relevances(session, other, FAR)
    perform(session, trigger("refund", None))
    after = relevances(session, asked, FAR)
    assert after["the refund came"] == lifted(before[0]["the refund came"], TRIGGER_SHARE)
    assert after["refunds come late"] == before[0]["refunds come late"]
    assert after["we met in Oslo"] == before[0]["we met in Oslo"]
    assert relevances(session, other, FAR) == before[1]
    perform(session, no_triggers())
    assert relevances(session, asked, FAR) == before[0]


def test_a_query_by_vector_alone_has_no_words_but_a_direction() -> None:
    session = new_session()
    learnt(session, "the refund came", "we met in Oslo")
    before = relevances(session, None, unit(0))
    perform(session, trigger("refund", None))
    assert relevances(session, None, unit(0)) == before
    perform(session, trigger(None, 0))
    after = relevances(session, None, unit(0))
    assert after["the refund came"] == lifted(before["the refund came"], TRIGGER_SHARE)
    assert after["we met in Oslo"] == before["we met in Oslo"]


def test_a_trigger_of_both_kinds_lifts_what_matches_either() -> None:
    session = new_session()
    learnt(session, "near by vector", "the refund came", "neither")
    before = relevances(session, "refund?", FAR)
    perform(session, trigger("refund", 0))
    after = relevances(session, "refund?", FAR)
    for text in ("near by vector", "the refund came"):
        assert after[text] == lifted(before[text], TRIGGER_SHARE)
    assert after["neither"] == before["neither"]


def test_the_largest_boost_counts_and_never_the_sum() -> None:
    session = new_session()
    learnt(session, "the refund came", "neither")
    before = relevances(session, "refund", FAR)["the refund came"]
    perform(session, anchor(0))
    anchored = relevances(session, "refund", FAR)["the refund came"]
    assert anchored == lifted(before, ANCHOR_SHARE)
    perform(session, anchor(0))
    assert relevances(session, "refund", FAR)["the refund came"] == anchored
    for _ in range(2):
        perform(session, trigger("refund", 0))
        assert relevances(session, "refund", FAR)["the refund came"] == lifted(
            before, TRIGGER_SHARE
        )


def test_a_keyword_of_stop_words_is_looked_for_everywhere() -> None:
    session = new_session()
    learnt(session, "why not", "how so", "no reason")
    before = relevances(session, "why", FAR)
    perform(session, trigger("why", None))
    after = relevances(session, "why", FAR)
    assert after["why not"] == lifted(before["why not"], TRIGGER_SHARE)
    assert after["how so"] == before["how so"]


def test_archived_memories_are_lifted_as_well() -> None:
    past, session = new_session(), new_session()
    learnt(past, "filler", "the refund came")
    learnt(session, "filler")
    archived = [contents(past)[2]]
    before = relevances(session, "refund", unit(1), archived)
    for operation in (trigger("refund", None), anchor(1), trigger(None, 1)):
        perform(session, operation)
        after = relevances(session, "refund", unit(1), archived)
        assert after["the refund came"] == lifted(before["the refund came"], TRIGGER_SHARE)
        assert after["filler"] == pytest.approx(before["filler"], abs=ANCHOR_SHARE)


def test_the_newest_memories_are_tested_first() -> None:
    session = new_session()
    long = "word " * (TESTED // 10)
    learnt(session, f"refund {long} one", f"refund {long} two", f"refund {long} three")
    before = relevances(session, "refund", FAR)
    perform(session, trigger("refund", None))
    after = relevances(session, "refund", FAR)
    grown = [text[-5:].strip() for text in after if after[text] > before[text] + 0.1]
    assert grown == ["three"]


def test_relevance_stays_within_bounds_whatever_pulls() -> None:
    session = new_session()
    learnt(session, *(f"remark {number}" for number in range(9)))
    for seed in range(9):
        perform(session, anchor(seed))
        perform(session, trigger("remark", seed))
    values = np.array(list(relevances(session, "remark", unit(3)).values()))
    assert bool(((values >= 0) & (values <= 1)).all())
