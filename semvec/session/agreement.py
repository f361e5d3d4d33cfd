"""Whether a question asks for what another one asked for."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import Stemmer

from semvec.session.folding import fold_digest
from semvec.words import MARKS, STOP_WORDS, UNSPACED, composed, listed

COMPARED = 4_000
"""Characters of both texts together past which only the same words agree."""

OPENERS = listed("hello hey hi thank thanks please tell show give explain describe list find")
TIME_WORDS = listed(
    "january february april june july august september october november december monday tuesday",
    "wednesday thursday friday saturday sunday spring summer autumn winter today tomorrow",
    "yesterday tonight morning afternoon evening last next",
)
NUMBER_WORDS = {
    "two": "2",
    "three": "3",
    "four": "4",
    "five": "5",
    "six": "6",
    "seven": "7",
    "eight": "8",
    "nine": "9",
    "ten": "10",
    "first": "1",
    "second": "2",
    "third": "3",
}

TOKEN = re.compile(rf"\d+(?:[.,:/-]\d+)*[^\W\d_]*|[\w{MARKS}{UNSPACED}]+")
ORDINAL = re.compile(r"(\d)(?:st|nd|rd|th)$")
THOUSANDS = re.compile(r",(?=\d{3}(?!\d))")
LEADING_ZEROS = re.compile(r"(?<![\d.])0+(?=\d)")


def agree(question: str, other: str) -> bool:
    """Whether both name the same numbers, dates and names, in the same order.

    Where one is written without capitals, names look like any other word, so that all words but
    stop words have to agree: it errs on the side of a difference.
    """
    if len(question) + len(other) > COMPARED:
        return fold_digest(question) == fold_digest(other)
    first, second = _tokens(question), _tokens(other)
    if _cased(question) and _cased(other):
        telling = {token.key for token in first + second if token.telling}
    else:
        telling = {token.key for token in first + second if not token.stop}
    return _sequence(first, telling) == _sequence(second, telling)


@dataclass(frozen=True, slots=True)
class Token:
    """`key` is equal for two spellings of one word or number; `telling`: a number, date or name."""

    key: str
    telling: bool
    stop: bool


def _tokens(text: str) -> list[Token]:
    stem = Stemmer.Stemmer("english", 0).stemWord
    tokens: list[Token] = []
    for found in TOKEN.finditer(composed(text)):
        word = found[0].casefold()
        if word[0].isdigit():
            tokens.append(Token(_number(word), True, False))
        elif word in NUMBER_WORDS or word in TIME_WORDS:
            tokens.append(Token(NUMBER_WORDS.get(word, word), True, False))
        else:
            stop = word in STOP_WORDS
            named = found[0] != found[0].lower() and not stop and word not in OPENERS
            tokens.append(Token(stem(word), named, stop))
    return tokens


def _number(word: str) -> str:
    return LEADING_ZEROS.sub("", ORDINAL.sub(r"\1", THOUSANDS.sub("", word)))


def _cased(text: str) -> bool:
    return text != text.lower() and not text.isupper()


def _sequence(tokens: Sequence[Token], telling: set[str]) -> list[str]:
    return list(dict.fromkeys(token.key for token in tokens if token.key in telling))
