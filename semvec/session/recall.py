"""One relevance from several signals, and the best of them.

A scorer that answers the query by itself (cosine, lexical) is a number in about [0, 1]; the mean of
the scorers is the match. What follows only raises a match towards 1, so that relevance stays an
absolute number. Figures and alternatives: docs/recall.md.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Scores = npt.NDArray[np.float32]
Slots = npt.NDArray[np.int64]

PREVIOUS_SHARE = 0.3
NEXT_SHARE = 0.15
RECENCY_SHARE = 0.01
IMPORTANCE_SHARE = 0.01


@dataclass(frozen=True, slots=True, eq=False)
class Signals:
    """What is known of n memories for one query; arrays of shape (n,).

    Each of `scorers` answers the query by itself, in about [0, 1]: the cosine, BM25. `recency`,
    `importance` and `boost` (the largest single one, None where nothing boosts) lie in [0, 1].
    """

    scorers: tuple[Scores, ...]
    recency: Scores
    importance: Scores
    boost: Scores | None


@dataclass(frozen=True, slots=True, eq=False)
class Order:
    """For each of n slots the slots learnt just before and just after it; -1 stands for none."""

    previous: Slots
    next: Slots


def relevance(signals: Signals, order: Order) -> Scores:
    """Relevance in [0, 1], shape (n,)."""
    match = np.zeros(len(signals.recency) + 1, np.float32)  # what slot -1 reads stays 0
    for scorer in signals.scorers:
        match[:-1] += np.minimum(np.maximum(scorer, 0.0), 1.0)
    match /= len(signals.scorers)
    around = PREVIOUS_SHARE * match.take(order.previous, mode="wrap")
    around += NEXT_SHARE * match.take(order.next, mode="wrap")
    kept = RECENCY_SHARE * signals.recency + IMPORTANCE_SHARE * signals.importance
    missing = (1.0 - match[:-1]) * (1.0 - around) * (1.0 - kept)
    if signals.boost is not None:
        missing *= 1.0 - signals.boost
    return np.minimum(np.maximum(1.0 - missing, 0.0), 1.0)


def rank(relevance: Scores, ids: npt.NDArray[np.int64], k: int) -> Slots:
    """At most k slots by falling relevance, ties by the newer id; an id of -1 is an empty slot."""
    slots = np.flatnonzero(ids >= 0)
    values = relevance[slots]
    if k < len(slots):
        least = np.partition(values, len(values) - k)[len(values) - k] if k else np.inf
        slots = slots[values >= least]
        values = relevance[slots]
    best = np.lexsort((-ids[slots], -values))[:k]
    return slots[best]
