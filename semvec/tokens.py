"""Token vectors of a text: all of them for a query, a few compressed ones for a memory."""

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
"""Numbers of a token vector; a smaller model dimension limits them."""
KEPT_SHARE = 0.46
"""Approximate number of vectors kept, as a share of a text's tokens."""
MAX_KEPT_TOKENS = 24
"""Most vectors that a memory keeps: with two pooled ones of 384 they stay below 4 kB."""
STOP_WEIGHT = 0.2
"""Weight of a stop word in pooling, relative to other words; punctuation has none."""


@cache
def projection(dimension: int) -> Vector:
    """Return orthonormal columns, shape (dimension, p), that approximately keep cosines.

    The first p columns of a cosine transform with random signs of its inputs (Ailon and Chazelle,
    STOC 2006, with a cosine for the Hadamard transform). It depends only on the dimension, so that
    stored vectors stay comparable.
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
    """Project token vectors, shape (n, d), to the form that is compared: shape (n, p), unit
    length."""
    return normalised(vectors @ projection(vectors.shape[1]))


def tokens_of(vectors: Vector, words: Sequence[str]) -> Tokens:
    """Build Tokens of a text's token vectors, shape (n, d), and the n words they are part of."""
    return as_tokens(projected(vectors), words)


def as_tokens(vectors: Vector, words: Sequence[str], kept: bytes | None = None) -> Tokens:
    """Build Tokens of `projected` vectors, shape (n, p); `kept` if they were pooled elsewhere."""
    if kept is None:
        weights = token_weights(words)
        heard = weights > 0.0
        kept = quantise(pooled(vectors[heard], weights[heard], kept_of(len(vectors)))).tobytes()
    return Tokens(vectors, tuple(words), kept)


def kept_of(number: int) -> int:
    """Return the most vectors that a memory keeps for a text of so many tokens."""
    return min(MAX_KEPT_TOKENS, math.ceil(KEPT_SHARE * number))


def token_weights(words: Sequence[str]) -> Vector:
    """Return the weight of each token in its text's memory, shape (n,); ones if all were zero."""
    weight = {word: _weight(word) for word in set(words)}
    weights = np.array([weight[word] for word in words], np.float32)
    return weights if weights.any() else np.ones_like(weights)


def _weight(word: str) -> float:
    found = words_of(word)
    if not found:
        return 0.0
    return STOP_WEIGHT if STOP_WORDS.issuperset(found) else 1.0


def repooled(kept: bytes | None, dimension: int) -> bytes | None:
    """Pool token vectors further if they are too many for one memory; None if they are not."""
    if kept is None or len(kept) <= MAX_KEPT_TOKENS * dimension:
        return None
    vectors = np.frombuffer(kept, np.int8).reshape(-1, dimension).astype(np.float32)
    return quantise(
        pooled(normalised(vectors), np.ones(len(vectors), np.float32), MAX_KEPT_TOKENS)
    ).tobytes()


def pooled(vectors: Vector, weights: Vector, number: int) -> Vector:
    """Return at most `number` unit vectors that represent `vectors`, shape (n, p), with weights
    (n,).

    Means of clusters by Ward's criterion, as in Clavié et al., "Reducing the footprint of
    multi-vector retrieval" (2024). All pairs of mutual nearest neighbours merge at once, cheapest
    first (Murtagh, 1983), so it takes a few rounds and not n.
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
    """Return the cost of merging each two clusters, shape (n, n): the increase of the sum of
    squares within."""
    means = sums / sizes[:, None]
    squares = np.einsum("np,np->n", means, means)
    cost: Vector = squares[:, None] + squares - 2.0 * (means @ means.T)
    cost *= sizes[:, None] * sizes / (sizes[:, None] + sizes)
    np.fill_diagonal(cost, np.inf)
    return cost
