"""Token vectors of a text: all of them for a query, a few in little space for a memory."""

import math
from collections.abc import Sequence
from functools import cache
from hashlib import shake_256

import numpy as np

from semvec.kernels.numpy_ import quantise
from semvec.vectors import Tokens, Vector, normalised
from semvec.words import STOP_WORDS
from semvec.words import words as words_of

TOKEN_DIMENSION = 128
"""Numbers of a token vector, or as many as the model has."""
KEPT_SHARE = 0.46
"""Of a text's tokens, about, as many vectors are kept."""
MAX_KEPT_TOKENS = 24
"""Vectors that a memory keeps at most: with two pooled ones of 384 they stay below 4 kB."""
STOP_WEIGHT = 0.2
"""What a stop word weighs against another word where tokens are pooled; punctuation is left out."""


@cache
def projection(dimension: int) -> Vector:
    """Orthonormal columns, shape (dimension, p), that keep cosines about as they are.

    The first p columns of a cosine transform whose inputs have had their signs changed as by the
    throw of a coin (Ailon and Chazelle, STOC 2006, with a cosine for the Hadamard transform). It
    depends on nothing but its size, so that what was kept yesterday can be compared tomorrow.
    """
    p = min(TOKEN_DIMENSION, dimension)
    place = np.arange(dimension)
    waves = np.cos(np.pi / dimension * (place[:, None] + 0.5) * place[:p])
    waves *= np.where(place[:p] == 0, math.sqrt(1.0 / dimension), math.sqrt(2.0 / dimension))
    coins = np.frombuffer(shake_256(b"semvec").digest(dimension), np.uint8)
    signs = np.where(coins < 128, 1.0, -1.0)
    columns: Vector = (signs[:, None] * waves).astype(np.float32)
    return columns


def projected(vectors: Vector) -> Vector:
    """Token vectors, shape (n, d), as they are compared: shape (n, p), unit length."""
    return normalised(vectors @ projection(vectors.shape[1]))


def tokens_of(vectors: Vector, words: Sequence[str]) -> Tokens:
    """`vectors`, shape (n, d), are a text's token vectors, `words` the n words they are part of."""
    return as_tokens(projected(vectors), words)


def as_tokens(vectors: Vector, words: Sequence[str], kept: bytes | None = None) -> Tokens:
    """The same of `projected` vectors, shape (n, p); `kept` where something else pooled them."""
    if kept is None:
        weights = token_weights(words)
        heard = weights > 0.0
        kept = quantise(pooled(vectors[heard], weights[heard], kept_of(len(vectors)))).tobytes()
    return Tokens(vectors, tuple(words), kept)


def kept_of(number: int) -> int:
    """Vectors that a memory keeps of a text of so many tokens, at most."""
    return min(MAX_KEPT_TOKENS, math.ceil(KEPT_SHARE * number))


def token_weights(words: Sequence[str]) -> Vector:
    """What each token counts for the memory of its text, shape (n,): ones where none would."""
    weight = {word: _weight(word) for word in set(words)}
    weights = np.array([weight[word] for word in words], np.float32)
    return weights if weights.any() else np.ones_like(weights)


def _weight(word: str) -> float:
    found = words_of(word)
    if not found:
        return 0.0
    return STOP_WEIGHT if STOP_WORDS.issuperset(found) else 1.0


def repooled(kept: bytes | None, dimension: int) -> bytes | None:
    """Fewer token vectors where these are too many for one memory; None where they are not."""
    if kept is None or len(kept) <= MAX_KEPT_TOKENS * dimension:
        return None
    vectors = np.frombuffer(kept, np.int8).reshape(-1, dimension).astype(np.float32)
    return quantise(
        pooled(normalised(vectors), np.ones(len(vectors), np.float32), MAX_KEPT_TOKENS)
    ).tobytes()


def pooled(vectors: Vector, weights: Vector, number: int) -> Vector:
    """At most `number` unit vectors that stand for `vectors`, shape (n, p), with weights (n,).

    Means of clusters that Ward's criterion finds, as in Clavié et al., "Reducing the footprint of
    multi-vector retrieval" (2024). All pairs that are each other's nearest merge at once, cheapest
    first (Murtagh, 1983), so that it takes a few rounds and not n.
    """
    sums, sizes = weights[:, None] * vectors, weights.copy()
    while len(sums) > number:
        cost = merging_cost(sums, sizes)
        nearest = cost.argmin(axis=1)
        here = np.arange(len(sums))
        first = here[(nearest[nearest] == here) & (here < nearest)]
        if not len(first):  # equal costs in a ring
            first = cost.min(axis=1).argmin(keepdims=True)
        cheapest = np.argsort(cost[first, nearest[first]], kind="stable")
        first = first[cheapest[: len(sums) - number]]
        second = nearest[first]
        sums[first] += sums[second]
        sizes[first] += sizes[second]
        sums, sizes = np.delete(sums, second, axis=0), np.delete(sizes, second)
    return normalised(sums)


def merging_cost(sums: Vector, sizes: Vector) -> Vector:
    """What merging each two clusters adds to the sum of squares within, shape (n, n)."""
    means = sums / sizes[:, None]
    squares = np.einsum("np,np->n", means, means)
    cost: Vector = squares[:, None] + squares - 2.0 * (means @ means.T)
    cost *= sizes[:, None] * sizes / (sizes[:, None] + sizes)
    np.fill_diagonal(cost, np.inf)
    return cost
