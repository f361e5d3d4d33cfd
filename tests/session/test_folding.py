import pytest
from hypothesis import given
from hypothesis import strategies as st

from semvec.session.folding import fold_digest, folded


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


MEGABYTE = 1_000_000


@pytest.mark.parametrize(
    ("text", "dressed"),
    [
        ("." * MEGABYTE, " {} "),
        ("1 " * (MEGABYTE // 2), "({})"),
        ("1." * (MEGABYTE // 2) + "1", "{}."),
        ("a" + "\u0301" * (MEGABYTE // 8) + "\u0316" * (MEGABYTE // 8), "“{}”"),
        ("\ufdfa " * (MEGABYTE // 20), "{}!"),
        ("。" * (MEGABYTE // 3) + "x", "{}…"),
    ],
    ids=["points", "numbers", "decimals", "marks", "ligatures", "ideographic points"],
)
def test_hostile_text_is_folded_in_bounded_time(text: str, dressed: str) -> None:
    digest = fold_digest(text)
    assert fold_digest(dressed.format(text)) == digest
    assert fold_digest(text + " y") != digest
