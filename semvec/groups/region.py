"""Consensus of a region: whether enough clusters have drifted, and their common direction."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

import numpy as np

from semvec.groups.cluster import directions
from semvec.vectors import Vector


@dataclass(frozen=True, slots=True)
class Vote:
    """The last drift of a cluster, by its key."""

    cluster: int
    at: float


def voters(
    votes: Iterable[Vote], attached: Collection[int], window_s: float, now: float
) -> set[int]:
    """Return the attached clusters whose votes still count; a vote counts for `window_s`
    seconds."""
    return {vote.cluster for vote in votes if now - vote.at < window_s} & {*attached}


def agreed(
    votes: Iterable[Vote],
    attached: Collection[int],
    *,
    threshold: float,
    window_s: float,
    now: float,
) -> bool:
    """Whether more than `threshold` of the clusters have drifted within the window."""
    if not attached:
        return False
    return len(voters(votes, attached, window_s, now)) / len(attached) > threshold


def consensus(aggregates: Vector) -> Vector | None:
    """Return the common direction of the clusters, shape (d,), unit length. Rows of zeros do not
    count. None if there is no direction, or they cancel out."""
    pointing = aggregates[np.any(aggregates, axis=1)]
    if not len(pointing):
        return None
    (direction,) = directions(pointing.mean(axis=0, keepdims=True))
    return direction if direction.any() else None
