import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from semvec.session.bm25 import LexicalIndex
from semvec.session.recall import Scores

VOCABULARY = ["anchor", "boat", "cliff", "dune", "ebb", "fjord"]
documents = st.lists(st.lists(st.sampled_from(VOCABULARY), max_size=8), max_size=8)


def indexed(contents: list[list[str]]) -> LexicalIndex:
    index = LexicalIndex()
    for slot, document in enumerate(contents):
        index.add(slot, document)
    return index


def scores(index: LexicalIndex, query: list[str], n: int) -> Scores:
    return index.scores(index.weights(query), n)


def test_the_rarer_word_counts_more() -> None:
    index = indexed([["boat", "cliff"], ["boat", "dune"], ["boat", "ebb"], ["boat", "ebb"]])
    found = scores(index, ["boat", "dune"], 4)
    assert found.argmax() == 1
    assert index.idf("fjord") > index.idf("dune") > index.idf("boat") > 0


def test_a_memory_with_every_word_scores_about_one_and_others_less() -> None:
    index = indexed([["boat", "cliff"], ["dune", "ebb"], ["fjord", "dune"]])
    found = scores(index, ["boat", "cliff"], 3)
    assert found[0] == pytest.approx(1.0, abs=0.05)
    assert found[1:].tolist() == [0.0, 0.0]


def test_unknown_words_lower_the_share() -> None:
    index = indexed([["boat", "cliff"], ["dune", "ebb"]])
    assert scores(index, ["boat", "kraken"], 2)[0] < scores(index, ["boat"], 2)[0]
    assert scores(index, ["kraken"], 2).tolist() == [0.0, 0.0]
    assert scores(index, [], 2).tolist() == [0.0, 0.0]


def test_an_empty_index_scores_nothing() -> None:
    assert scores(LexicalIndex(), ["boat"], 0).shape == (0,)
    assert LexicalIndex().score_document({"boat": 1.0}, []) == 0.0


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
    assert scores(index, query, n).tobytes() == scores(indexed(contents), query, n).tobytes()


@given(documents, st.lists(st.sampled_from([*VOCABULARY, "kraken"]), min_size=1, max_size=5))
def test_a_memory_outside_the_slots_scores_as_one_inside(
    contents: list[list[str]], query: list[str]
) -> None:
    index = indexed(contents)
    outside = [index.score_document(index.weights(query), document) for document in contents]
    np.testing.assert_allclose(outside, scores(index, query, len(contents)), rtol=1e-5)


def test_an_emptied_slot_scores_zero() -> None:
    index = indexed([["boat"], ["boat", "cliff"]])
    index.remove(0, ["boat"])
    found = scores(index, ["boat"], 2)
    assert found[0] == 0.0 < found[1]


def test_bytes_follow_what_the_index_holds() -> None:
    index = LexicalIndex()
    empty = index.nbytes
    index.add(0, ["boat", "cliff", "boat"])
    assert index.nbytes > empty
    index.remove(0, ["boat", "cliff", "boat"])
    assert index.nbytes == empty


def test_archive_weights_are_positive_integers_that_rank_like_idf() -> None:
    index = indexed([["boat", "cliff"], ["boat", "dune"], ["boat"], ["boat"]] * 100)
    weights = index.archive_weights(["kraken", "dune", "boat", "boat"])
    assert list(weights) == ["kraken", "dune", "boat"]
    assert all(isinstance(weight, int) for weight in weights.values())
    assert weights["boat"] >= 1
    for rarer, commoner in itertools.pairwise(weights.values()):
        assert rarer > commoner
