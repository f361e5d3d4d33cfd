import pytest
from hypothesis import given
from hypothesis import strategies as st

from semvec.session.question_match import COMPARED, agree
from tests.session.pairs import OTHER, SAME, pairs


@pytest.mark.parametrize(("question", "other"), pairs(SAME))
def test_same_facts_agree(question: str, other: str) -> None:
    assert agree(question, other)
    assert agree(other, question)


@pytest.mark.parametrize(("question", "other"), pairs(OTHER))
def test_other_facts_disagree(question: str, other: str) -> None:
    assert not agree(question, other)
    assert not agree(other, question)


@given(st.text(max_size=60), st.text(max_size=60))
def test_a_text_agrees_with_itself_and_both_ways(text: str, other: str) -> None:
    assert agree(text, text)
    assert agree(text, other) == agree(other, text)


def test_long_texts_agree_only_where_they_say_the_same() -> None:
    long = "Oslo 2022. " * COMPARED
    assert agree(long, f" {long}!")
    assert not agree(long, long.upper())
    assert not agree(long, long + "Yes.")
