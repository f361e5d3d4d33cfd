"""Words and index terms of a text."""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import chain

from semvec.texts import LONG_RUN, TEXT_PIECE, pieces

INDEXED = 16_384
"""Characters of a text that are indexed, before and after composition. The rest counts only in the
vector."""
READ = 262_144
"""Characters of composed text that are read for words."""
MAX_WORD_CHARS = 64
"""Characters of a word beyond which it is not stemmed."""


def listed(*lines: str) -> frozenset[str]:
    return frozenset(" ".join(lines).split())


STOP_WORDS = listed(
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

MARKS = "\u0300-\u036f\u0591-\u05bd\u0610-\u061a\u064b-\u065f\u0900-\u0963\u0966-\u0dff"
UNSPACED = "\u0e00-\u0eff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\U00020000-\U0003ffff"
WORD_PATTERN = re.compile(rf"[\w{MARKS}{UNSPACED}]+")
UNSPACED_RUN = re.compile(rf"([{UNSPACED}]+)")
ASCII_WORD = re.compile(r"[a-z0-9]+")


def composed(text: str) -> str:
    """Return NFKC in linear time. A run of more than 30 marks would take quadratic time to order;
    U+034F breaks it (the stream-safe format of Unicode Standard Annex 15)."""
    if text.isascii() or unicodedata.is_normalized("NFKC", text):
        return text
    return unicodedata.normalize("NFKC", LONG_RUN.sub("\\1\u034f", text))


def expanded(text: str, limit: int) -> Iterator[str]:
    """Yield the composed pieces of a text, up to `limit` characters together.

    NFKC expands some characters to 18, so the size is measured after composition.
    """
    for piece in pieces(text):
        plain = composed(piece)[:limit]
        yield plain
        limit -= len(plain)
        if limit <= 0:
            return


def words(text: str, limit: int = READ) -> list[str]:
    """Return the case-folded words in order, within `limit` characters of composed text. Scripts
    without spaces give overlapping pairs of characters."""
    if len(text) <= TEXT_PIECE:
        return _words(composed(text)[:limit])
    return list(chain.from_iterable(map(_words, expanded(text, limit))))


def terms(text: str) -> list[str]:
    """Return the terms for the index: stems of the words that are not English stop words, in
    order."""
    text = text[:INDEXED]
    if len(text) <= TEXT_PIECE:
        return _stems(_words(composed(text)[:INDEXED]))
    return joined.split("\n") if (joined := _terms_of_long(text)) else []


def _words(plain: str) -> list[str]:
    """Return the words of composed text."""
    if plain.isascii():
        return ASCII_WORD.findall(plain.lower())
    found: list[str] = []
    for word in WORD_PATTERN.findall(plain.casefold().replace("_", " ")):
        if word.isascii():
            found.append(word)
        else:
            found.extend(_units(word))
    return found


def _stems(found: Iterable[str]) -> list[str]:
    return [
        stem(word) if len(word) <= MAX_WORD_CHARS else word
        for word in found
        if word not in STOP_WORDS
    ]


@lru_cache(128)
def _terms_of_long(text: str) -> str:
    """Return the terms joined, which takes a tenth of the memory of a list. Call it on a thread
    before the event loop needs the result (`semvec.offloop`)."""
    found = chain.from_iterable(map(_words, expanded(text, INDEXED)))
    return "\n".join(_stems(found))


@lru_cache(16_384)
def stem(word: str) -> str:
    """Return the stem of an English word; cached, as the same few words recur."""
    import Stemmer  # imported here, so that token vectors need no stemmer

    stemmed: str = Stemmer.Stemmer("english", 0).stemWord(word)
    return stemmed


def _units(word: str) -> list[str]:
    """Return the word, or pairs of its characters if its script has no spaces."""
    units: list[str] = []
    for i, run in enumerate(UNSPACED_RUN.split(word)):
        if i % 2 and len(run) > 2:
            units.extend(run[j : j + 2] for j in range(len(run) - 1))
        elif run:
            units.append(run)
    return units
