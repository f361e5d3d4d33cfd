import pytest

from semvec.session.lexical_cues import ENDING, HEARD, WORDLESS, cues


def test_stems_are_distinct_and_in_order() -> None:
    boats, sail = cues("boats").stems.tolist(), cues("sail").stems.tolist()
    assert cues("Boats sailing, a boat").stems.tolist() == boats + sail


def test_a_long_text_keeps_its_last_stems() -> None:
    text = " ".join(f"w{i}" for i in range(2000))
    assert (
        cues(text).stems.tolist()
        == cues(" ".join(f"w{i}" for i in range(1744, 2000))).stems.tolist()
    )
    assert len(cues(text).stems) == HEARD


def test_the_share_of_words_that_point_back() -> None:
    assert cues("Did she like it?").referring == 0.5
    assert cues("Anna liked cake.").referring == 0.0


@pytest.mark.parametrize(
    ("text", "asks", "questions", "closes"),
    [
        ("When does the train leave?", True, True, False),
        ("When does it leave? I have to be there at nine.", True, False, False),
        ("何時ですか？", True, True, False),
        ("Booked. Is there anything else?", True, False, True),
        ("Thanks, bye!", False, False, True),
        ("The train leaves at nine.", False, False, False),
    ],
)
def test_questions_and_closings(text: str, asks: bool, questions: bool, closes: bool) -> None:
    found = cues(text)
    assert (found.asks, found.questions, found.closes) == (asks, questions, closes)


def test_space_at_the_end_is_no_end() -> None:
    assert cues("Who sails?" + " " * ENDING).questions


def test_only_the_end_of_a_long_text_asks_or_closes() -> None:
    assert not cues("Thanks! Why? " + "word " * ENDING).closes
    assert cues("word " * ENDING + "Thanks! Why?").closes


@pytest.mark.parametrize("text", ["", "…", "👍", "?!"])
def test_a_text_without_words_says_nothing(text: str) -> None:
    assert cues(text) is WORDLESS
