import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from semvec.session.lexical import LexicalIndex, agree, fold_digest, folded, terms

VOCABULARY = ["anchor", "boat", "cliff", "dune", "ebb", "fjord"]
documents = st.lists(st.lists(st.sampled_from(VOCABULARY), max_size=8), max_size=8)


def indexed(contents: list[list[str]]) -> LexicalIndex:
    index = LexicalIndex()
    for slot, document in enumerate(contents):
        index.add(slot, document)
    return index


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The boats were sailing in 2023!", ["boat", "sail", "2023"]),
        ("We've been to Anna's café", ["anna", "café"]),
        ("snake_case and CamelCase", ["snake", "case", "camelcas"]),
        ("¿Dónde está?", ["dónde", "está"]),
        ("東京タワー", ["東京", "京タ", "タワ", "ワー"]),
        ("ช้าง", ["ช้", "้า", "าง"]),
        ("हिन्दी भाषा", ["हिन्दी", "भाषा"]),
        ("Ｆｕｌｌ width", ["full", "width"]),
        ("what is it?", []),
        ("", []),
    ],
)
def test_terms_of_a_text(text: str, expected: list[str]) -> None:
    assert terms(text) == expected


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Hello,  World!", "hello world"),
        ("It’s “fine”…", "it's 'fine'"),
        ("a well-known\tname", "A well known name."),
        ("ﬁnal Straße", "FINAL STRASSE"),
    ],
)
def test_form_alone_is_folded_away(one: str, other: str) -> None:
    assert fold_digest(one) == fold_digest(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("we're here", "were here"),
        ("Alice owes Bob", "Bob owes Alice"),
        ("it was -5 degrees", "it was 5 degrees"),
        ("costs 3.5", "costs 35"),
        ("at 3:5", "at 3.5"),
        ("50%", "50"),
        ("C#", "C"),
        ("?", "!"),
    ],
)
def test_what_says_something_else_stays_apart(one: str, other: str) -> None:
    assert fold_digest(one) != fold_digest(other)


@given(st.text())
def test_folding_twice_changes_nothing(text: str) -> None:
    assert folded(folded(text)) == folded(text)
    assert len(fold_digest(text)) == 16


@pytest.mark.parametrize(
    ("question", "other"),
    [
        ("When is the offsite in 2022?", "when's the offsite in 2022"),
        ("Where does Alice live?", "where does alice live"),
        ("Please tell me the WiFi password.", "What's the WiFi password?"),
        ("We feed 2 cats", "We feed two cats"),
        ("It costs 2,000 euros", "It costs 2000 euros"),
        ("Is it on May 3rd?", "It is on May 3?"),
        ("Does Bob's dog bite?", "Does Bob’s dog bite?"),
        ("WHERE IS THE KEY", "where is the key"),
        ("Die Straße ist lang", "die Straße ist lang"),
    ],
)
def test_same_facts_agree(question: str, other: str) -> None:
    assert agree(question, other)
    assert agree(other, question)


@pytest.mark.parametrize(
    ("question", "other"),
    [
        ("When is the offsite in 2022?", "When is the offsite in 2023?"),
        ("When is the offsite?", "When is the offsite in 2023?"),
        ("Where does Alice live?", "Where does Bob live?"),
        ("where does alice live", "where does bob live"),
        ("where does bob live", "Where does Alice live?"),
        ("Alice owes Bob", "Bob owes Alice"),
        ("alice owes bob", "bob owes alice"),
        ("Alice likes tea?", "Bob likes tea?"),
        ("What happened last week?", "What happened next week?"),
        ("Who came on Monday?", "Who came on Tuesday?"),
        ("Do we meet at 5pm?", "Do we meet at 5am?"),
        ("Is it on 2022-05-03?", "Is it on 2022-05-04?"),
        ("Is pi 3.05?", "Is pi 3.5?"),
        ("What was the third wish?", "What was the first wish?"),
    ],
)
def test_other_facts_disagree(question: str, other: str) -> None:
    assert not agree(question, other)
    assert not agree(other, question)


@given(st.text(max_size=60))
def test_a_text_agrees_with_itself(text: str) -> None:
    assert agree(text, text)


def test_the_rarer_word_counts_more() -> None:
    index = indexed([["boat", "cliff"], ["boat", "dune"], ["boat", "ebb"], ["boat", "ebb"]])
    scores = index.scores(["boat", "dune"], 4)
    assert scores.argmax() == 1
    assert index.idf("fjord") > index.idf("dune") > index.idf("boat") > 0


def test_a_memory_with_every_word_scores_about_one_and_others_less() -> None:
    index = indexed([["boat", "cliff"], ["dune", "ebb"], ["fjord", "dune"]])
    scores = index.scores(["boat", "cliff"], 3)
    assert scores[0] == pytest.approx(1.0, abs=0.05)
    assert scores[1:].tolist() == [0.0, 0.0]


def test_unknown_words_lower_the_share() -> None:
    index = indexed([["boat", "cliff"], ["dune", "ebb"]])
    assert index.scores(["boat", "kraken"], 2)[0] < index.scores(["boat"], 2)[0]
    assert index.scores(["kraken"], 2).tolist() == [0.0, 0.0]
    assert index.scores([], 2).tolist() == [0.0, 0.0]


def test_an_empty_index_scores_nothing() -> None:
    assert LexicalIndex().scores(["boat"], 0).shape == (0,)
    assert LexicalIndex().score_document(["boat"], []) == 0.0


@given(documents, st.lists(st.sampled_from([*VOCABULARY, "kraken"]), max_size=5), st.data())
def test_slots_removed_and_reused_leave_what_a_fresh_index_holds(
    contents: list[list[str]], query: list[str], data: st.DataObject
) -> None:
    index = indexed(contents)
    for slot in data.draw(st.lists(st.integers(0, max(0, len(contents) - 1)), max_size=6)):
        if slot < len(contents):
            index.remove(slot, contents[slot])
            contents[slot] = data.draw(st.lists(st.sampled_from(VOCABULARY), max_size=8))
            index.add(slot, contents[slot])
    n = len(contents)
    assert index.scores(query, n).tobytes() == indexed(contents).scores(query, n).tobytes()


@given(documents, st.lists(st.sampled_from([*VOCABULARY, "kraken"]), min_size=1, max_size=5))
def test_a_memory_outside_the_slots_scores_as_one_inside(
    contents: list[list[str]], query: list[str]
) -> None:
    index = indexed(contents)
    outside = [index.score_document(query, document) for document in contents]
    np.testing.assert_allclose(outside, index.scores(query, len(contents)), rtol=1e-5)


def test_an_emptied_slot_scores_zero() -> None:
    index = indexed([["boat"], ["boat", "cliff"]])
    index.remove(0, ["boat"])
    scores = index.scores(["boat"], 2)
    assert scores[0] == 0.0 < scores[1]


def test_archive_weights_are_positive_integers_that_rank_like_idf() -> None:
    index = indexed([["boat", "cliff"], ["boat", "dune"], ["boat"], ["boat"]] * 100)
    weights = index.archive_weights(["kraken", "dune", "boat", "boat"])
    assert list(weights) == ["kraken", "dune", "boat"]
    assert all(isinstance(weight, int) for weight in weights.values())
    assert weights["boat"] >= 1
    for rarer, commoner in itertools.pairwise(weights.values()):
        assert rarer > commoner
