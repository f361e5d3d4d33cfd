import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from semvec.texts import TEXT_PIECE, is_blank, normalised, pieces

DRAWN_FORMATS = "\u0600\u0605\u06dd\u070f\u0890\u08e2\U000110bd\U000110cd"
"""Format characters that stand before digits or words and are drawn."""


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "\n\t \r", "\x00\x1f\x7f\x9f", "\u00a0\u3000\u2028", "\u200b\u200d\ufeff"),
        *("\u2800\u2800", "\u3164", "\uffa0\u115f\u1160", "\u17b4\u17b5", "\u180b\u180e\u180f"),
        *("\u034f", "\ufe0f", "\u00ad", "\u2061\u2064", "\ufff9\ufffb", "\u202e\u2066\u061c"),
        *("\U000e0001\U000e0061", "\U0001d159", "\U0001d173", "\U0001bca0", "\U000e0100"),
    ],
)
def test_what_draws_nothing_is_blank(text: str) -> None:
    assert is_blank(text)
    assert not is_blank(f"{text}.{text}")


@pytest.mark.parametrize("text", [".", "0", "あ", "👍", "\u0301", "\ufffd", "\ufffc", "\ue000"])
def test_what_draws_anything_is_not(text: str) -> None:
    assert not is_blank(text)


def test_blank_characters_are_those_of_the_unicode_database() -> None:
    for character in map(chr, range(sys.maxunicode + 1)):
        category = unicodedata.category(character)
        if category in ("Cc", "Zs", "Zl", "Zp"):
            assert is_blank(character)
        elif category == "Cf":
            assert is_blank(character) == (
                character not in DRAWN_FORMATS + "\u0601\u0602\u0603\u0604\u0891"
            )
        elif category[0] in "LNP":
            fillers = "\u115f\u1160\u3164\uffa0"
            assert is_blank(character) == (character in fillers)


@given(st.text(), st.integers(1, 9))
def test_pieces_make_up_the_text(text: str, size: int) -> None:
    found = list(pieces(text, size))
    assert "".join(found) == text
    assert all(len(piece) <= size for piece in found)


def test_pieces_end_between_words() -> None:
    text = "word " * TEXT_PIECE
    assert all(piece.endswith(" ") for piece in pieces(text))


@given(st.text())
def test_canonical_form(text: str) -> None:
    assert normalised(text) == unicodedata.normalize("NFC", text)


def test_long_runs_of_marks_stay_as_they_are() -> None:
    hostile = "a" + "\u0301\u0316" * 300_000
    assert normalised(hostile) == hostile
