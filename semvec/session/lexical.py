"""Words of a text, and BM25 over the memories of a session.

Okapi BM25 with the idf of Lucene, ln(1 + (N - df + 0.5) / (df + 0.5)).
"""

import math
import re
import unicodedata
from array import array
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
import numpy.typing as npt
import Stemmer

Scores = npt.NDArray[np.float32]

K1 = 0.9
B = 0.4


def _listed(*lines: str) -> frozenset[str]:
    return frozenset(" ".join(lines).split())


STOP_WORDS = _listed(
    "a about above after again against all also am an and any are aren as at be because been",
    "before being below between both but by can cannot could couldn d did didn do does doesn",
    "doing don down during each either else ever few for from further get got had hadn has hasn",
    "have haven having he her here hers herself him himself his how i if in into is isn it its",
    "itself just let ll m me might more most mustn my myself no nor not of off oh ok on once only",
    "or other our ours ourselves out over own re really s same shall shan she should shouldn so",
    "some such t than that the their theirs them themselves then there these they this those",
    "through to too under until up us ve very was wasn we well were weren what when where which",
    "while who whom whose why will with won would wouldn yes you your yours yourself yourselves",
)
OPENERS = _listed("hello hey hi thank thanks please tell show give explain describe list find")
TIME_WORDS = _listed(
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

MARKS = "\u0300-\u036f\u0591-\u05bd\u0610-\u061a\u064b-\u065f\u0900-\u0963\u0966-\u0dff"
UNSPACED = "\u0e00-\u0eff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\U00020000-\U0003ffff"
WORD = re.compile(rf"[\w{MARKS}{UNSPACED}]+")
UNSPACED_RUN = re.compile(rf"([{UNSPACED}]+)")
ASCII_WORD = re.compile(r"[a-z0-9]+")
PUNCTUATION = re.compile(r"[^\w\s]")
KEPT_PUNCTUATION = frozenset("#%&*/@\\")

TOKEN = re.compile(rf"\d+(?:[.,:/-]\d+)*[^\W\d_]*|[\w{MARKS}{UNSPACED}]+")
ORDINAL = re.compile(r"(\d)(?:st|nd|rd|th)$")
THOUSANDS = re.compile(r",(?=\d{3}(?!\d))")
LEADING_ZEROS = re.compile(r"(?<![\d.])0+(?=\d)")


def words(text: str) -> list[str]:
    """Case-folded words in order; scripts without spaces give overlapping pairs of characters."""
    if text.isascii():
        return ASCII_WORD.findall(text.lower())
    found: list[str] = []
    plain = unicodedata.normalize("NFKC", text).casefold().replace("_", " ")
    for word in WORD.findall(plain):
        if word.isascii():
            found.append(word)
        else:
            found.extend(_units(word))
    return found


def _units(word: str) -> list[str]:
    """The word, or where its script puts no spaces, pairs of its characters."""
    units: list[str] = []
    for i, run in enumerate(UNSPACED_RUN.split(word)):
        if i % 2 and len(run) > 2:
            units.extend(run[j : j + 2] for j in range(len(run) - 1))
        elif run:
            units.append(run)
    return units


def terms(text: str) -> list[str]:
    """What the index counts: stems of the words that are no English stop words, in order."""
    content = [word for word in words(text) if word not in STOP_WORDS]
    stems: list[str] = Stemmer.Stemmer("english", 0).stemWords(content)
    return stems


def folded(text: str) -> str:
    """The text without what only dresses it: case, white space, punctuation around words."""
    plain = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    return " ".join(PUNCTUATION.sub(_undressed, plain).split() or plain.split())


def fold_digest(text: str) -> bytes:
    """16 bytes that are equal for texts with the same folding."""
    return blake2b(folded(text).encode(), digest_size=16).digest()


def _undressed(found: re.Match[str]) -> str:
    """A space for punctuation that can go; signs, decimals and the like change what is said."""
    mark, text, place = found[0], found.string, found.start()
    if mark in KEPT_PUNCTUATION or not unicodedata.category(mark).startswith("P"):
        return mark
    before = text[place - 1] if place else " "
    in_number = text[place + 1 : place + 2].isdigit() and (
        before.isdigit() or (mark == "-" and before.isspace())
    )
    return mark if in_number else " "


def agree(question: str, other: str) -> bool:
    """Whether both name the same numbers, dates and names, in the same order.

    Where one is written without capitals, names look like any other word, so that all words but
    stop words have to agree: it errs on the side of a difference.
    """
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
    for found in TOKEN.finditer(unicodedata.normalize("NFKC", text)):
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


class LexicalIndex:
    """BM25 over numbered slots, kept up to date one memory at a time."""

    __slots__ = ("_lengths", "_postings", "_size", "_total")

    def __init__(self) -> None:
        self._postings: dict[str, array[int]] = {}
        self._lengths: Scores = np.zeros(16, np.float32)
        self._size = 0
        self._total = 0

    def add(self, slot: int, document: Sequence[str]) -> None:
        """Index the terms of a memory in an empty slot."""
        if slot >= len(self._lengths):
            self._lengths = np.append(self._lengths, np.zeros(slot, np.float32))
        self._lengths[slot] = len(document)
        self._size += 1
        self._total += len(document)
        for term, frequency in Counter(document).items():
            self._postings.setdefault(term, array("i")).extend((slot, frequency))

    def remove(self, slot: int, document: Sequence[str]) -> None:
        """Empty a slot; `document` is what was added there."""
        self._lengths[slot] = 0
        self._size -= 1
        self._total -= len(document)
        for term in set(document):
            postings = self._postings[term]
            place = 2 * postings[::2].index(slot)
            postings[place : place + 2] = postings[-2:]
            del postings[-2:]
            if not postings:
                del self._postings[term]

    def idf(self, term: str) -> float:
        frequency = len(self._postings.get(term, ())) // 2
        return math.log(1.0 + (self._size - frequency + 0.5) / (frequency + 0.5))

    def scores(self, query: Sequence[str], n: int) -> Scores:
        """Share of the query's idf that each slot answers, shape (n,); empty slots get 0.

        BM25 over the sum of the query's idf: about 1 where every term occurs, a little over it
        where terms are repeated.
        """
        weights = self._weights(query)
        known = [
            (self._postings[term], idf) for term, idf in weights.items() if term in self._postings
        ]
        if not known:
            return np.zeros(n, np.float32)
        entries = np.frombuffer(b"".join([postings for postings, _ in known]), np.int32)
        slots, frequencies = entries[::2].astype(np.intp), entries[1::2].astype(np.float32)
        idf = np.repeat([weight for _, weight in known], [len(p) // 2 for p, _ in known])
        gains = idf * self._saturated(frequencies, self._lengths[slots])
        return (np.bincount(slots, gains, n)[:n] / sum(weights.values())).astype(np.float32)

    def score_document(self, query: Sequence[str], document: Sequence[str]) -> float:
        """The same score for a memory that is in no slot."""
        weights = self._weights(query)
        found = Counter(term for term in document if term in weights)
        if not found:
            return 0.0
        idf = np.array([weights[term] for term in found])
        frequencies = np.array(list(found.values()), np.float32)
        gains = idf * self._saturated(frequencies, np.float32(len(document)))
        return float(gains.sum() / sum(weights.values()))

    def archive_weights(self, query: Sequence[str]) -> dict[str, int]:
        """Hundredths of idf: sums of integers rank alike in every database."""
        return {term: max(1, round(100 * idf)) for term, idf in self._weights(query).items()}

    def _weights(self, query: Sequence[str]) -> dict[str, float]:
        return {term: self.idf(term) for term in query}

    def _saturated(
        self, frequencies: Scores, lengths: Scores | np.float32
    ) -> npt.NDArray[np.floating]:
        average = self._total / self._size if self._total else 1.0
        return frequencies * (K1 + 1.0) / (frequencies + K1 * (1.0 - B + B / average * lengths))
