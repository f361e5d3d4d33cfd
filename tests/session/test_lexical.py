import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from semvec.session.lexical import LexicalIndex

VOCABULARY = ["anchor", "boat", "cliff", "dune", "ebb", "fjord"]
documents = st.lists(st.lists(st.sampled_from(VOCABULARY), max_size=8), max_size=8)


def indexed(contents: list[list[str]]) -> LexicalIndex:
    index = LexicalIndex()
    for slot, document in enumerate(contents):
        index.add(slot, document)
    return index


def shares(index: LexicalIndex, term: str) -> dict[int, float]:
    """The slots with a term, and how much it counts there."""
    held = index.occurrences([term])
    return dict(zip(held.slots.tolist(), held.shares.tolist(), strict=True))


def test_the_rarer_word_counts_more() -> None:
    index = indexed([["boat", "cliff"], ["boat", "dune"], ["boat", "ebb"], ["boat", "ebb"]])
    assert index.idf("fjord") > index.idf("dune") > index.idf("boat") > 0


def test_a_word_counts_about_one_in_a_short_memory_and_less_in_a_long_one() -> None:
    index = indexed([["boat", "cliff"], ["boat", *["dune"] * 40], ["ebb", "cliff"]])
    found = shares(index, "boat")
    assert found.keys() == {0, 1}
    assert found[0] == pytest.approx(1.0, abs=0.05)
    assert found[1] < 0.8


def test_an_unknown_word_is_nowhere() -> None:
    assert shares(LexicalIndex(), "boat") == {}
    assert shares(indexed([["boat"]]), "kraken") == {}


@given(documents, st.data())
def test_slots_removed_and_reused_leave_what_a_fresh_index_holds(
    contents: list[list[str]], data: st.DataObject
) -> None:
    index = indexed(contents)
    for slot in data.draw(st.lists(st.integers(0, max(0, len(contents) - 1)), max_size=6)):
        if slot < len(contents):
            index.remove(slot, contents[slot])
            contents[slot] = data.draw(st.lists(st.sampled_from(VOCABULARY), max_size=8))
            index.add(slot, contents[slot])
    fresh = indexed(contents)
    for term in [*VOCABULARY, "kraken"]:
        assert shares(index, term) == shares(fresh, term)
        assert index.idf(term) == fresh.idf(term)


@given(documents)
def test_a_memory_outside_the_slots_counts_as_one_inside(contents: list[list[str]]) -> None:
    index = indexed(contents)
    lengths = np.array([len(document) for document in contents], np.float32)
    for term in VOCABULARY:
        times = np.array([document.count(term) for document in contents], np.float32)
        inside = shares(index, term)
        expected = [inside.get(slot, 0.0) for slot in range(len(contents))]
        np.testing.assert_allclose(index.shares(times, lengths), expected, rtol=1e-6)


def test_several_terms_are_looked_up_at_once() -> None:
    index = indexed([["boat", "cliff"], ["dune"], ["boat"]])
    held = index.occurrences(["boat", "kraken", "dune", "boat"])
    assert held.terms.tolist() == [0, 0, 2, 3, 3]
    assert held.slots.tolist() == [0, 2, 1, 0, 2]
    boats, dunes = shares(index, "boat"), shares(index, "dune")
    assert held.shares.tolist() == [boats[0], boats[2], dunes[1], boats[0], boats[2]]


def test_an_emptied_slot_has_no_words() -> None:
    index = indexed([["boat"], ["boat", "cliff"]])
    index.remove(0, ["boat"])
    assert shares(index, "boat").keys() == {1}


def test_bytes_follow_what_the_index_holds() -> None:
    index = LexicalIndex()
    empty = index.nbytes
    index.add(0, ["boat", "cliff", "boat"])
    assert index.nbytes > empty
    sizes = []
    for number in range(1000):
        index.remove(0, ["boat", "cliff", "boat"] if number == 0 else [f"word {number}"])
        index.add(0, [f"word {number + 1}"])
        sizes.append(index.nbytes)
    assert sizes[-1] == sizes[50]


def test_archive_weights_are_positive_integers_that_rank_like_idf() -> None:
    index = indexed([["boat", "cliff"], ["boat", "dune"], ["boat"], ["boat"]] * 100)
    weights = index.archive_weights(["kraken", "dune", "boat", "boat"])
    assert list(weights) == ["kraken", "dune", "boat"]
    assert all(isinstance(weight, int) for weight in weights.values())
    assert weights["boat"] >= 1
    for rarer, commoner in itertools.pairwise(weights.values()):
        assert rarer > commoner
