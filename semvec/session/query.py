"""A query, split into the units that memories are compared by."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np

from semvec.session.lexical import LexicalIndex
from semvec.session.scoring import Scores
from semvec.session.triggers import Spoken
from semvec.vectors import Tokens, Vector
from semvec.words import terms, words

MAX_QUERY_UNITS = 64
"""Units of a longer query that count, the heaviest."""
WORD_FLOOR = 0.5
"""Added to the idf in the weight of a word."""
STOP_SHARE = 0.15
"""Weight of a stop word with token vectors, as a share of the weight of an unknown word."""


@dataclass(frozen=True, slots=True, eq=False)
class EncodedQuery:
    """`vector` has shape (d,), unit length; `text` is None for a query by vector alone."""

    text: str | None
    vector: Vector
    tokens: Tokens | None = None
    wording: "Wording | None" = None


@dataclass(frozen=True, slots=True, eq=False)
class Wording:
    """The preparation of a long query on a thread: its words for the search of keywords, and the
    terms of each word that a token is part of."""

    spoken: Spoken
    stems: Mapping[str, tuple[str, ...]]


def wording_of(text: str, tokens: Tokens | None) -> Wording:
    return Wording(Spoken(text), stems_of(tokens))


def stems_of(tokens: Tokens | None) -> dict[str, tuple[str, ...]]:
    return {word: tuple(terms(word)) for word in set(tokens.words)} if tokens is not None else {}


@dataclass(frozen=True, slots=True, eq=False)
class QueryUnits:
    """The q units of a query: its tokens, or its words if it has no token vectors.

    `stems` are the index terms of the word that each unit is part of, none for a stop word.
    `weights`, shape (q,), sum to 1. `vectors`, shape (q, p), are the token vectors, or None.
    """

    stems: tuple[tuple[str, ...], ...]
    weights: Scores
    vectors: Vector | None

    def __len__(self) -> int:
        return len(self.stems)


def units_of(query: EncodedQuery, index: LexicalIndex) -> QueryUnits:
    """Return at least one unit. A rare word weighs more; its tokens share its weight."""
    tokens = query.tokens
    if tokens is None or not len(tokens.vectors):
        return _words_as_units(query, index)
    stems = stems_of(tokens) if query.wording is None else query.wording.stems
    told = {word: _weight(word, stems[word], index) for word in stems}
    weights = [told[word] / pieces for word, pieces in _pieces(tokens.words)]
    places, shares = _heaviest(weights if any(weights) else [1.0] * len(weights))
    return QueryUnits(
        tuple(stems[tokens.words[place]] for place in places), shares, tokens.vectors[places]
    )


def _words_as_units(query: EncodedQuery, index: LexicalIndex) -> QueryUnits:
    found = list(dict.fromkeys(terms(query.text or "")))
    if not found:
        return QueryUnits(((),), np.ones(1, np.float32), None)
    places, shares = _heaviest([index.idf(term) + WORD_FLOOR for term in found])
    return QueryUnits(tuple((found[place],) for place in places), shares, None)


def _weight(word: str, stems: tuple[str, ...], index: LexicalIndex) -> float:
    if stems:
        return sum(map(index.idf, stems)) / len(stems) + WORD_FLOOR
    return STOP_SHARE * index.unheard if words(word) else 0.0


def _pieces(words: Iterable[str]) -> Iterator[tuple[str, int]]:
    """Yield the word of each token with the number of its tokens."""
    for word, run in groupby(words):
        pieces = len(list(run))
        yield from [(word, pieces)] * pieces


def _heaviest(weights: Sequence[float]) -> tuple[list[int], Scores]:
    """Return the indices of the weights that count, in order, and their shares of the sum."""
    heavy = sorted(range(len(weights)), key=lambda place: -weights[place])[:MAX_QUERY_UNITS]
    places = sorted(place for place in heavy if weights[place] > 0.0)
    kept = np.array([weights[place] for place in places])
    return places, (kept / kept.sum()).astype(np.float32)
