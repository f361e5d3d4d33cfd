"""Whether a question asks for what another one asked for: docs/text.md.

A cosine says that two texts are about the same. The answer to one may do for the other only where
they also say the same: all words but a few quiet ones, numbers with their signs and units, symbols
and identifiers, in the same order, in one form of question.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from semvec.session.contrast import (
    AUXILIARIES,
    MEASURE_UNITS,
    MONTH_NAMES,
    NUMBER_WORDS,
    ORDINAL_WORDS,
    QUIET_WORDS,
    SAME_VERBS,
)
from semvec.session.question_form import Form, in_full, without_politeness
from semvec.session.text_normalise import normalised_text
from semvec.texts import BLANK, normalised
from semvec.words import MARKS, UNSPACED, stem

COMPARED = 1_500
"""Characters of both texts together past which only the same words agree."""

PLAIN = str.maketrans(
    {
        **{chr(0xFEE0 + code): chr(code) for code in range(0x21, 0x7F)},
        **dict.fromkeys("’‘ʼ＇", "'"),
        **dict.fromkeys("−–‐‑‒—", "-"),
        "\ufe0f": None,
        "\ufe0e": None,
    }
)
"""Full-width forms, apostrophes, minus signs and dashes as ASCII has them, emoji without the choice
of a style."""
DRESS = r"!\"'(),.:;?\[\]{}`"
TELLING_MARKS = "!-#%&*/@\\‰‱§′″‴٪"
"""Punctuation that is part of what is said."""
SIGNED = rf"(?:(?<![\w)\]{MARKS}])[+-])?(?:\d+(?:[.,:/-]\d+)*|(?<!\w)\.\d+)"
TOKEN = re.compile(
    rf"(?P<number>{SIGNED})"
    rf"|(?P<word>[@#]?[^\W\d](?:[\w{MARKS}{UNSPACED}]|[._/@\\:+-](?=\w))*|[{MARKS}{UNSPACED}]+)"
    r"|(?P<symbol>(?<!\w)!+(?=\w)|(?<=\d)!(?=\s+[a-z])|(?<=\d )-(?= \d)"
    rf"|[<>!=~]=+|[-=<]+>|<[-=]+|[^\w\s{DRESS}{BLANK}-]|[\U000e0020-\U000e007e])"
)
IDENTIFIER = re.compile(r"[\d_./@#\\:+]|[^\W\d_A-Z][A-Z]|[A-Z]{2,}[a-z](?!\b)")
"""What a word has that can be written in one way only: digits, signs, capitals inside."""
ORDINALS = ("st", "nd", "rd", "th")
ORDINAL = "-th"
"""The key after the number of an ordinal."""
NAMED = re.compile(r"\w\W+[A-Z][a-z]+ $")
"""A word with a capital that is not the first one, before a letter that may number it."""
THOUSANDS = re.compile(r",(?=\d{3}(?!\d))")
LOOKED_BACK = 40
"""Characters around a letter that tell a name from an article or a pronoun."""
PADDED = re.compile(r"(?<![\d.])0(?=\d(?!\d))")
"""The zero before a digit in a date or a time, where zeros say nothing."""
YEAR = re.compile(r"(?:1[89]|20)\d\d")
PLURAL_Y = re.compile("ies$")
DERIVED = re.compile(
    r"(?<=\w{3})(ation|ity|er|or|ee|al|ive|ly|ment|ness|ist|ism|able|ible|ful|less|ic|ous|ance"
    r"|ence|ian)s?$"
)
"""Endings that make another word, which the stemmer takes away with the others."""


@dataclass(frozen=True, slots=True)
class Token:
    """`key` is equal for two spellings of one word or number. A `quiet` one says little."""

    key: str
    quiet: bool = False


@dataclass(frozen=True)
class Asked:
    """A question, cut once and compared with several others."""

    text: str

    def agrees(self, other: "Asked") -> bool:
        """Whether both say the same words in the same order, but for quiet ones."""
        if self.text == other.text:
            return True
        if len(self.text) + len(other.text) > COMPARED or not self.tokens or not other.tokens:
            return normalised_text(self.text) == normalised_text(other.text)
        if self.form.parts_from(other.form):
            return False
        if not (self.telling or other.telling):
            return [each.key for each in self.tokens] == [each.key for each in other.tokens]
        return self.telling == other.telling

    @cached_property
    def tokens(self) -> tuple[Token, ...]:
        return tuple(_tokens(self.bare))

    @cached_property
    def telling(self) -> tuple[str, ...]:
        """The keys of all words, numbers and symbols that are not quiet, in order."""
        return tuple(token.key for token in self.tokens if not token.quiet)

    @cached_property
    def bare(self) -> str:
        """Without what asks to be told, and contractions in full."""
        plain = " ".join(normalised(self.text).translate(PLAIN).split())
        asked = without_politeness(plain)
        return in_full(asked if TOKEN.search(asked) else plain)

    @cached_property
    def form(self) -> Form:
        return Form.of(self.bare)


def agree(question: str, other: str) -> bool:
    return Asked(question).agrees(Asked(other))


def _tokens(text: str) -> Iterator[Token]:
    """The tokens of a text; a unit follows its number, also where it was written before it."""
    currency, measured, year, end = "", False, False, 0
    for found in TOKEN.finditer(text):
        close = not text[end : found.start()].strip(" -\u00a0\u202f")
        end = found.end()
        if _is_currency(found["symbol"]) and not (measured and close):
            currency = found["symbol"]
            continue
        if currency and not (found["number"] and close):
            yield _symbol(currency)
            currency = ""
        if found["number"]:
            yield Token(_number(found["number"]))
            if currency:
                yield _unit(currency)
            measured, year = not currency, bool(YEAR.fullmatch(found["number"]))
            currency = ""
            continue
        known = not year or (found["word"] or found["symbol"]).casefold() in MEASURE_UNITS
        tokens = list(_others(found, measured and close and known))
        measured, year = bool(tokens) and tokens[-1].key.isdigit(), False
        yield from tokens
    if currency:
        yield _symbol(currency)


def _is_currency(symbol: str | None) -> bool:
    return symbol is not None and len(symbol) == 1 and unicodedata.category(symbol) == "Sc"


def _others(found: re.Match[str], measured: bool) -> Iterator[Token]:
    """What is no number, after one that it may be the unit of where it is `measured`."""
    if (symbol := found["symbol"]) is not None:
        if measured and symbol in MEASURE_UNITS:
            yield _unit(symbol)
        elif not _dresses(symbol):
            yield _symbol(symbol)
        return
    written = found["word"]
    if measured and written.lower() in ORDINALS:
        yield Token(ORDINAL)
        return
    exact = IDENTIFIER.search(written) or any(map(str.isnumeric, written))
    if exact and not (measured and written.lower() in MEASURE_UNITS):
        yield Token(written)
        return
    for place, word in enumerate(part for part in written.split("-") if part):
        yield from _word(word, measured and not place, found)


def _word(written: str, measured: bool, found: re.Match[str]) -> Iterator[Token]:
    word = written.casefold()
    quiet = word in QUIET_WORDS and not (_names(written, found) or _main_verb(word, found))
    if word in NUMBER_WORDS:
        yield Token(NUMBER_WORDS[word])
        if word in ORDINAL_WORDS:
            yield Token(ORDINAL)
    elif word in MONTH_NAMES:
        yield Token(word)
    elif (measured and not quiet) or (len(word) > 2 and word in MEASURE_UNITS):
        yield _unit(written)
    else:
        yield Token(_key(word), quiet)


def _names(written: str, found: re.Match[str]) -> bool:
    """Whether a quiet word is a name here: "US", "vitamin A", "plan a", "Henry I"."""
    before = found.string[max(0, found.start() - LOOKED_BACK) : found.start()]
    after = found.string[found.end() : found.end() + LOOKED_BACK]
    if len(written) > 1:
        return written.isupper() and not found.string.isupper()
    if before.endswith("'"):
        return False
    if written == "A":
        return TOKEN.search(before) is not None and not found.string.isupper()
    return not TOKEN.match(after.lstrip()) or (written == "I" and bool(NAMED.search(before)))


def _main_verb(word: str, found: re.Match[str]) -> bool:
    """Whether a "do" is what is done: "what does she do"."""
    if word != "do":
        return False
    before = found.string[max(0, found.start() - LOOKED_BACK) : found.start()]
    return not AUXILIARIES.isdisjoint(before.casefold().split())


def _key(word: str) -> str:
    """The stem, with the ending where it makes another word: organ is no organization."""
    if word in SAME_VERBS:
        return SAME_VERBS[word]
    ending = DERIVED.search(PLURAL_Y.sub("y", word))
    return f"{stem(word)}+{ending[1]}" if ending else stem(word)


def _unit(written: str) -> Token:
    """In its own case where it is short and no unit that is known: mW and MW, m and M."""
    word = written.casefold()
    known = MEASURE_UNITS.get(word)
    return Token(known or (written if len(written) <= 3 else stem(word)))


def _symbol(symbol: str) -> Token:
    return Token(symbol)


def _number(written: str) -> str:
    digits = "".join(
        str(unicodedata.decimal(each)) if each.isdecimal() else each for each in written
    )
    parts = any(each in digits for each in ":/-")
    return THOUSANDS.sub("", PADDED.sub("", digits) if parts else digits)


def _dresses(symbol: str) -> bool:
    if len(symbol) > 1 or symbol in TELLING_MARKS:
        return False
    return unicodedata.category(symbol).startswith("P")
