"""The scorer with a part taken away or changed, by swapping the constants it is made of."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

from bench.quality.recall import query_of
from semvec import tokens
from semvec.session import query, scoring, search
from semvec.session.lexical import LexicalIndex
from semvec.session.query import EncodedQuery
from semvec.session.turn import EncodedText

EVERYTHING = 1_000_000


@dataclass(frozen=True, slots=True)
class Swap:
    """Another value for an attribute of a module or class."""

    owner: Any
    name: str
    value: object


@dataclass(frozen=True, slots=True)
class Variant:
    """`tokens`: whether memories and questions have token vectors; `rounded`: whether memories keep
    them as int8."""

    name: str
    swaps: tuple[Swap, ...] = ()
    tokens: bool = True
    rounded: bool = True
    query: Callable[[EncodedText], EncodedQuery] = query_of


@contextmanager
def swapped(swaps: Sequence[Swap]) -> Iterator[None]:
    with ExitStack() as stack:
        for swap in swaps:
            stack.enter_context(patch.object(swap.owner, swap.name, swap.value))
        stack.callback(tokens.projection.cache_clear)
        tokens.projection.cache_clear()
        yield


def by_words(said: EncodedText) -> EncodedQuery:
    """As of an embedder without token vectors."""
    return EncodedQuery(said.text, said.vector)


def by_vector(said: EncodedText) -> EncodedQuery:
    """As of a client that sends no text."""
    return EncodedQuery(None, said.vector)


def as_unheard(index: LexicalIndex, term: str) -> float:
    """In place of `idf`."""
    return index.unheard


def unshared(words: Sequence[str]) -> Iterator[tuple[str, int]]:
    """In place of `_pieces`: each token as if it were a whole word."""
    return ((word, 1) for word in words)


NO_AFTER, NO_BEFORE = Swap(scoring, "AFTER", (0.0,) * 3), Swap(scoring, "BEFORE", (0.0,) * 2)
NO_SMALL_TERMS = Swap(scoring, "RECENCY_SHARE", 0.0), Swap(scoring, "IMPORTANCE_SHARE", 0.0)
NO_NEIGHBOURS = Swap(search, "SHORTLIST_AFTER", 0.0), Swap(search, "SHORTLIST_BEFORE", 0.0)
NOT_POOLED = Swap(tokens, "KEPT_SHARE", 1.0), Swap(tokens, "KEPT", EVERYTHING)
NOT_PROJECTED = Swap(tokens, "TOKEN_DIMENSION", EVERYTHING)

AS_IT_IS = Variant("as it is")
PARTS = (
    Variant("no token vectors", tokens=False, query=by_words),
    Variant("no words", (Swap(search, "WORD_SHARE", 0.0),)),
    Variant("no neighbours", (NO_AFTER, NO_BEFORE)),
    Variant("none that came before", (NO_AFTER,)),
    Variant("none that came after", (NO_BEFORE,)),
    Variant("no idf: words weigh the same", (Swap(LexicalIndex, "idf", as_unheard),)),
    Variant("stop words weigh nothing", (Swap(query, "STOP_SHARE", 0.0),)),
    Variant("stop words weigh like others", (Swap(query, "STOP_SHARE", 1.0),)),
    Variant("each piece of a word weighs like a word", (Swap(query, "_pieces", unshared),)),
    Variant("no floor under cosines of tokens", (Swap(search, "UNRELATED", 0.0),)),
    Variant("short list of 32", (Swap(search, "SHORTLIST", 32),)),
    Variant("no short list: all are compared", (Swap(search, "SHORTLIST", EVERYTHING),)),
    Variant("short list without neighbours", NO_NEIGHBOURS),
    Variant("no recency, no importance", NO_SMALL_TERMS),
    Variant("token vectors not pooled", NOT_POOLED),
    Variant("stop words pooled like others", (Swap(tokens, "STOP_WEIGHT", 1.0),)),
    Variant("not projected", (NOT_PROJECTED,)),
    Variant("not rounded to int8", rounded=False),
    Variant("not pooled, projected or rounded", (*NOT_POOLED, NOT_PROJECTED), rounded=False),
)
"""One part away in each, what is left to choose as it is."""
WITHOUT_TOKENS = (
    Variant("words and pooled vectors", tokens=False, query=by_words),
    Variant("without neighbours", (NO_AFTER, NO_BEFORE), tokens=False, query=by_words),
    Variant("pooled vectors alone", tokens=False, query=by_vector),
    Variant("without neighbours: cosine", (NO_AFTER, NO_BEFORE), tokens=False, query=by_vector),
)
FEWER = tuple(
    Variant(
        f"{round(100 * share)}% of tokens, at most {most}",
        (Swap(tokens, "KEPT_SHARE", share), Swap(tokens, "KEPT", most)),
    )
    for share, most in ((0.1, 6), (0.2, 11), (0.3, 16), (0.46, 24), (0.6, 33), (1.0, 55))
)
NARROWER = tuple(
    Variant(f"{dimension} numbers a token", (Swap(tokens, "TOKEN_DIMENSION", dimension),))
    for dimension in (32, 64, 96, 128, 192, 256, 384)
)
