import pytest

from semvec.session.question_form import Form, in_full, without_politeness


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("What's it, and who'll pay?", "What is it, and who will pay?"),
        ("Alice's key", "Alice's key"),
        ("I can't, cannot and cant", "I can not, can not and can not"),
        ("He won't or wont; shan't we", "He will not or will not; shall not we"),
        ("ISN'T IT LATE", "IS NOT IT LATE"),
        ("how to reset it", "how do I reset it"),
        ("what time is the show", "when is the show"),
        ("on May 3rd or the 4th of June", "on May 3 or the 4 of June"),
        ("on 5th Avenue", "on 5th Avenue"),
        ("5' or 5\" long", "5′ or 5″ long"),
        ("is 'page 5' here", "is page 5 here"),
    ],
)
def test_contractions_and_other_spellings_are_written_in_full(text: str, plain: str) -> None:
    assert in_full(text) == plain


@pytest.mark.parametrize(
    "text",
    [
        "Hello! Could you please tell me who paid? Thanks!",
        "Do you know who paid?",
        "hi, I was wondering who paid, please",
        "Okay, thanks, who paid",
    ],
)
def test_politeness_is_taken_away(text: str) -> None:
    assert without_politeness(text).strip(" ?") == "who paid"


def test_an_interval_keeps_its_brackets() -> None:
    found = {in_full(f"x in {text}") for text in ("[0,1]", "[0, 1)", "(0,1]", "(0,1)")}
    assert len(found) == 4


def test_the_form_of_a_question() -> None:
    form = Form.of("How long was Alice, my sister, called by you?")
    assert form.asked == {"how long"}
    assert form.tenses == {"past"}
    assert form.persons == ("I", "you")
    assert form.passive
    assert not form.polar
    assert not form.what


@pytest.mark.parametrize(
    ("one", "other", "part"),
    [
        ("Did Alice call?", "Was Alice called?", True),
        ("Did Alice call?", "Does Alice call?", True),
        ("Did Alice call?", "Will Alice call?", True),
        ("Did Alice call?", "When did Alice call?", True),
        ("Did Alice call it?", "What did Alice call it?", True),
        ("Does my sister call?", "Does your sister call?", True),
        ("Alice called", "Did Alice call?", False),
        ("Which film did Ada like?", "What film did Ada like?", False),
    ],
)
def test_forms_of_two_questions(one: str, other: str, part: bool) -> None:
    assert Form.of(one).parts_from(Form.of(other)) is part
    assert Form.of(other).parts_from(Form.of(one)) is part
