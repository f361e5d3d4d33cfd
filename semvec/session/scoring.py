"""Relevance of memories, from their match, their neighbours and their signals; and the ranking.

A query is split into units: tokens or words. A memory answers a unit by its nearest token and by
the occurrence of the unit's word. Memories learnt just before and after count with a smaller
weight, since a question's words and its answer often are in neighbouring turns. The weighted mean
over the units is the match. Signals only raise it towards 1, so relevance is an absolute number.
Figures and alternatives: docs/recall.md.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from semvec.kernels.numpy_ import spread

Scores = npt.NDArray[np.float32]
MemoryIds = npt.NDArray[np.int64]
Slots = npt.NDArray[np.intp]

NEXT_SHARE = (0.8, 0.7, 0.6)
PREVIOUS_SHARE = (0.6, 0.5)
"""Weights of an answer for memories learnt one, two, three turns after it, or before it."""
RECENCY_SHARE = 0.01
IMPORTANCE_SHARE = 0.01


@dataclass(frozen=True, slots=True, eq=False)
class Signals:
    """Signals of n memories beside their match; arrays of shape (n,) in [0, 1].

    `boost` is the largest single boost; None if there is none.
    """

    recency: Scores
    importance: Scores
    boost: Scores | None


def match(answered: Scores, weights: Scores, ids: MemoryIds) -> Scores:
    """Return how well each of n memories answers a query, shape (n,), in [0, 1].

    `answered`, shape (q, n), is how well it answers each of the query's units, in [0, 1];
    `weights`, shape (q,), sum to 1; `ids`, shape (n,), ascend in the order of learning.
    """
    matched: Scores = weights @ spread(answered, ids, NEXT_SHARE, PREVIOUS_SHARE)
    return matched


def relevance(matched: Scores, signals: Signals) -> Scores:
    """Return the relevance in [0, 1], shape (n,)."""
    missing = headroom(np.float32(1.0) - matched, signals)
    near: Scores = np.minimum(np.maximum(np.float32(1.0) - missing, 0.0), 1.0)
    return near


def headroom(missing: Scores, signals: Signals) -> Scores:
    """Return the distance to 1 that remains after the signals, shape (n,), in [0, 1]."""
    kept = RECENCY_SHARE * signals.recency + IMPORTANCE_SHARE * signals.importance
    less: Scores = np.multiply(missing, 1.0 - kept)
    if signals.boost is not None:
        less *= 1.0 - signals.boost
    return less


def rank(relevance: Scores, ids: MemoryIds, k: int) -> Slots:
    """Return at most k places by descending relevance, ties by the newer id."""
    places = np.arange(len(ids))
    if k < len(ids):
        least = np.partition(relevance, len(ids) - k)[len(ids) - k] if k else np.inf
        places = np.flatnonzero(relevance >= least)
    best = np.lexsort((-ids[places], -relevance[places]))[:k]
    return places[best]
