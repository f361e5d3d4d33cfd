import pytest
from hypothesis import given
from hypothesis import strategies as st

from semvec.session.agreement import COMPARED, agree


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


def test_long_texts_agree_only_where_they_say_the_same() -> None:
    long = "Oslo 2022. " * COMPARED
    assert agree(long, long.upper())
    assert not agree(long, long + "Yes.")
