"""One relevance for each memory, from what is known of it and of its neighbours; and the best.

A query is cut into units, its tokens or words. Each unit is answered by a memory as far as one of
its tokens is near, and its word occurs; or, a little less, by the memories learnt just before and
after it, since a question's words and its answer often stand in neighbouring turns. The weighted
mean over the units is the match. What follows only raises it towards 1, so that relevance stays an
absolute number. Figures and alternatives: docs/recall.md.
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
"""What an answer counts for memories learnt one, two, three turns after it, or before it."""
RECENCY_SHARE = 0.01
IMPORTANCE_SHARE = 0.01


@dataclass(frozen=True, slots=True, eq=False)
class Signals:
    """What speaks for n memories beside their match; arrays of shape (n,) in [0, 1].

    `boost` is the largest single one, None where nothing boosts.
    """

    recency: Scores
    importance: Scores
    boost: Scores | None


def match(answered: Scores, weights: Scores, ids: MemoryIds) -> Scores:
    """How far each of n memories answers a query, shape (n,), in [0, 1].

    `answered`, shape (q, n), is how far it answers each of the query's units, in [0, 1]; `weights`,
    shape (q,), sum to 1; `ids`, shape (n,), rise in the order of learning.
    """
    matched: Scores = weights @ spread(answered, ids, NEXT_SHARE, PREVIOUS_SHARE)
    return matched


def relevance(matched: Scores, signals: Signals) -> Scores:
    """Relevance in [0, 1], shape (n,)."""
    missing = headroom(np.float32(1.0) - matched, signals)
    near: Scores = np.minimum(np.maximum(np.float32(1.0) - missing, 0.0), 1.0)
    return near


def headroom(missing: Scores, signals: Signals) -> Scores:
    """What signals leave of what is missing to 1, shape (n,), in [0, 1]."""
    kept = RECENCY_SHARE * signals.recency + IMPORTANCE_SHARE * signals.importance
    less: Scores = np.multiply(missing, 1.0 - kept)
    if signals.boost is not None:
        less *= 1.0 - signals.boost
    return less


def rank(relevance: Scores, ids: MemoryIds, k: int) -> Slots:
    """At most k places by falling relevance, ties by the newer id."""
    places = np.arange(len(ids))
    if k < len(ids):
        least = np.partition(relevance, len(ids) - k)[len(ids) - k] if k else np.inf
        places = np.flatnonzero(relevance >= least)
    best = np.lexsort((-ids[places], -relevance[places]))[:k]
    return places[best]
