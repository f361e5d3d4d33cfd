"""Whether two questions ask for the same: docs/text.md.

A high cosine says that two texts have the same subject. The answer to one is an answer to the other
only if they also name the same things in the same order: numbers with their signs and units,
symbols, names, identifiers, negations and opposites.
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from semvec.session.contrast import (
    CONTRARIES,
    MEASURE_UNITS,
    MEASURES,
    NEGATIONS,
    NUMBER_WORDS,
    PERSONS,
    QUESTIONS,
    TIME_WORDS,
)
from semvec.session.text_normalise import normalised_text
from semvec.texts import BLANK, normalised
from semvec.words import MARKS, STOP_WORDS, UNSPACED, listed, stem

COMPARED = 1_500
"""Characters of both texts together beyond which only the same words match."""

CONTRARY_STEMS = frozenset(map(stem, CONTRARIES))
OPENERS = listed("hello hey hi thank thanks please tell show give explain describe list find")
ASIDE = re.compile(
    r"""^\W{0,9}(?:(?:hi|hello|hey|ok|okay|so|well|sorry|excuse\ me)\b[\s,!.]*)*
    (?:please\s+)?
    (?:(?:can|could|would|will)\s+you\s+(?:please\s+|kindly\s+)?
        (?:(?:tell|show|give|remind|explain\ to)\s+(?:me|us)|explain|describe)
    | (?:please\s+)?(?:tell|show|give|remind)\s+(?:me|us)
    | (?:do|does)\s+you\s+(?:happen\s+to\s+)?(?:know|remember|recall)
    | i(?:\s+would|'d)?\s+(?:want|need|like)\s+to\s+know
    | i\s*(?:am|was|'m)?\s*wondering
    | let\s+me\s+know)\b""",
    re.IGNORECASE | re.VERBOSE,
)
OPENING = 120
"""Characters at the start in which ASIDE is searched."""
POLITE_CLOSINGS = 40
"""Characters at the end in which thanks are searched."""
AFTERWARDS = re.compile(r"[\s,]*\b(?:please|thanks|thank you|thx)[\s.!?]*$", re.IGNORECASE)

PLAIN = str.maketrans(
    {
        **{chr(0xFEE0 + code): chr(code) for code in range(0x21, 0x7F)},
        **dict.fromkeys("’‘ʼ＇", "'"),
        **dict.fromkeys("−–‐‑‒—", "-"),
        "\ufe0f": None,
        "\ufe0e": None,
    }
)
"""Maps full-width forms, apostrophes, minus signs and dashes to ASCII, and drops the variation
selectors of emoji."""
NOT = re.compile(r"(?<=n)'t\b|(?<=\b(?:can))not\b", re.IGNORECASE)
BARE_NOT = re.compile(
    r"\b(do|does|did|is|are|was|were|could|would|should|has|have|had|wo|ca|must|need|ai)nt\b",
    re.IGNORECASE,
)

DRESS = r"!\"'(),.:;?\[\]{}`"
TELLING_MARKS = "#%&*/@\\‰‱§′″‴٪"
"""Punctuation that has meaning."""
SIGNED = rf"(?:(?<![\w)\]{MARKS}])[+-])?(?:\d+(?:[.,:/-]\d+)*|(?<!\w)\.\d+)"
TOKEN = re.compile(
    rf"(?P<number>{SIGNED})"
    rf"|(?P<word>[@#]?[^\W\d](?:[\w{MARKS}{UNSPACED}]|[._/@\\:+-](?=\w))*|[{MARKS}{UNSPACED}]+)"
    rf"|(?P<symbol>[<>!=~]=+|[-=<]+>|<[-=]+|[^\w\s{DRESS}{BLANK}-]|[\U000e0020-\U000e007e])"
)
IDENTIFIER = re.compile(r"[\d_./@#\\:+]|[^\W\d_A-Z][A-Z]|[A-Z]{2,}[a-z](?!\b)")
"""Marks a word with one spelling only: it has digits, signs, or capitals inside."""
ORDINALS = ("st", "nd", "rd", "th")
THOUSANDS = re.compile(r",(?=\d{3}(?!\d))")
LEADING_ZEROS = re.compile(r"(?<![\d.])0+(?=\d)")
YEAR = re.compile(r"(?:1[89]|20)\d\d")
LATIN = "\u024f"
"""The last letter of the scripts in which capitals distinguish names from other words."""


@dataclass(frozen=True, slots=True)
class Token:
    """`key` is equal for two spellings of one word or number. A `telling` token must be in both
    texts, a `repeated` one the same number of times. `stop` marks a word with little meaning of its
    own."""

    key: str
    telling: bool
    stop: bool = False
    repeated: bool = False


@dataclass(frozen=True)
class Asked:
    """A question, tokenised once and compared with several others."""

    text: str

    def agrees(self, other: "Asked") -> bool:
        """Whether both name the same numbers, dates and names, in the same order."""
        if self.text == other.text:
            return True
        if len(self.text) + len(other.text) > COMPARED or not self.tokens or not other.tokens:
            return normalised_text(self.text) == normalised_text(other.text)
        if self.questions and other.questions and self.questions != other.questions:
            return False
        return _alike(self.persons, other.persons) and self._names_the_same(other)

    def _names_the_same(self, other: "Asked") -> bool:
        """Whether the words that count are the same. Without capitals in one text, names cannot be
        told from other words, so all words but stop words count, or the stop words if there are no
        others. Errors are on the side of a difference."""
        both = self.tokens + other.tokens
        if all(token.stop for token in both):
            telling = {token.key for token in both}
        elif self.cased and other.cased:
            telling = {token.key for token in both if token.telling}
        else:
            telling = {token.key for token in both if token.telling or not token.stop}
        return _sequence(self.tokens, telling) == _sequence(other.tokens, telling)

    @cached_property
    def tokens(self) -> tuple[Token, ...]:
        return tuple(_tokens(self.bare))

    @cached_property
    def bare(self) -> str:
        """The text without polite forms such as "can you tell me", and with contractions in
        full."""
        plain = " ".join(normalised(self.text).translate(PLAIN).split())
        asked = ASIDE.sub("", plain[:OPENING]) + plain[OPENING:]
        asked = asked[:-POLITE_CLOSINGS] + AFTERWARDS.sub("", asked[-POLITE_CLOSINGS:])
        plain = asked if TOKEN.search(asked) else plain
        return BARE_NOT.sub(r"\1 not", NOT.sub(" not", plain))

    @cached_property
    def cased(self) -> bool:
        return self.text != self.text.lower() and not self.text.isupper()

    @cached_property
    def questions(self) -> frozenset[str]:
        """What the question asks for: a time, a place, a person, a reason, a way, a measure."""
        found = re.findall(r"\w+", self.bare.casefold())
        kinds = set()
        for word, after in zip(found, [*found, ""][1:], strict=True):
            if (kind := QUESTIONS.get(word)) is not None:
                kinds.add(f"{kind} {after}" if kind == "how" and after in MEASURES else kind)
        return frozenset(kinds)

    @cached_property
    def persons(self) -> tuple[str, ...]:
        """The persons that pronouns refer to, in order of mention."""
        found = re.findall(r"[A-Za-z]+", self.bare)
        named = (PERSONS.get(word.lower()) for word in found if word != "US")
        return tuple(dict.fromkeys(person for person in named if person is not None))


def agree(question: str, other: str) -> bool:
    return Asked(question).agrees(Asked(other))


def _alike(persons: Sequence[str], others: Sequence[str]) -> bool:
    """Whether the persons of one are a subset of the other's, and in the same order if they are
    equal."""
    if {*persons} == {*others}:
        return list(persons) == list(others)
    return {*persons} <= {*others} or {*persons} >= {*others}


def _tokens(text: str) -> Iterator[Token]:
    """Yield the tokens of a text. A unit follows its number, also if it was written before it."""
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
            yield Token(_number(found["number"]), True, repeated=True)
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
    """Yield the tokens of a word or symbol; `measured` says that it may be the unit of a preceding
    number."""
    if (symbol := found["symbol"]) is not None:
        if measured and symbol in MEASURE_UNITS:
            yield _unit(symbol)
        elif not _dresses(symbol):
            yield _symbol(symbol)
        return
    written = found["word"]
    if measured and written.lower() in ORDINALS:
        return
    exact = IDENTIFIER.search(written) or any(map(str.isnumeric, written))
    if exact and not (measured and written.lower() in MEASURE_UNITS):
        yield Token(written, True, repeated=True)
        return
    for place, word in enumerate(part for part in written.split("-") if part):
        yield _word(word, measured and not place)


def _word(written: str, measured: bool) -> Token:
    word = written.casefold()
    if word in NUMBER_WORDS:
        return Token(NUMBER_WORDS[word], True, repeated=True)
    if word in NEGATIONS:
        return Token(word, True)
    key, stop = stem(word), word in STOP_WORDS
    if key in CONTRARY_STEMS or word in TIME_WORDS:
        return Token(key, True)
    if (measured and not stop) or (len(word) > 2 and word in MEASURE_UNITS):
        return _unit(written)
    named = written != written.lower() and not stop and word not in OPENERS
    alone = len(word) == 1 or max(word) > LATIN
    return Token(key, named or (alone and not stop), stop)


def _unit(written: str) -> Token:
    """Return the token of a unit. A short unknown unit keeps its case: mW and MW, m and M."""
    word = written.casefold()
    known = MEASURE_UNITS.get(word)
    return Token(known or (written if len(written) <= 3 else stem(word)), True)


def _symbol(symbol: str) -> Token:
    return Token(symbol, True, repeated=True)


def _number(written: str) -> str:
    digits = "".join(
        str(unicodedata.decimal(each)) if each.isdecimal() else each for each in written
    )
    return LEADING_ZEROS.sub("", THOUSANDS.sub("", digits))


def _dresses(symbol: str) -> bool:
    if len(symbol) > 1 or symbol in TELLING_MARKS:
        return False
    return unicodedata.category(symbol).startswith("P")


def _sequence(tokens: Sequence[Token], telling: set[str]) -> list[str]:
    """Return the keys that count, in order; `repeated` ones each time, others once."""
    found: dict[str, None] = {}
    sequence = []
    for token in tokens:
        if token.key in telling and (token.repeated or token.key not in found):
            found[token.key] = None
            sequence.append(token.key)
    return sequence
