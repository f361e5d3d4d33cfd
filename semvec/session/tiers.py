"""Moves of memories between tiers: oldest first, and from long_term those with the lowest
retention."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import chain

import numpy as np
import numpy.typing as npt

from semvec.session.events import MemoryTier, Move
from semvec.session.memory import Memories, RowNumbers

SHORT_TERM, MEDIUM_TERM = 16, 64
NEWEST_AGE = 1.0
"""Lower bound of ages, in seconds."""


def plan_moves(
    memories: Memories,
    arrivals: Mapping[MemoryTier, Sequence[int]],
    now: float,
    kept: Collection[int] = (),
) -> tuple[Move, ...]:
    """Plan the moves when `arrivals` enter their tiers: each tier's oldest to the next tier, and
    from long_term to the archive those with the lowest retention that are not in `kept`."""

    def after(tier: MemoryTier, *more: Iterable[int]) -> Iterable[int]:
        return chain(memories.tier_ids[tier], arrivals.get(tier, ()), *more)

    short = overflow(after(MemoryTier.SHORT_TERM), SHORT_TERM)
    medium = overflow(after(MemoryTier.MEDIUM_TERM, short), MEDIUM_TERM)
    held = len(memories.tier_ids[MemoryTier.LONG_TERM]) + len(
        arrivals.get(MemoryTier.LONG_TERM, ())
    )
    surplus = held + len(medium) - memories.long_term
    moves = [Move(memory_id, MemoryTier.MEDIUM_TERM) for memory_id in short]
    moves += [Move(memory_id, MemoryTier.LONG_TERM) for memory_id in medium]
    if surplus > 0:
        weakest = _weakest(memories, medium, surplus, now, kept)
        moves += [Move(memory_id, MemoryTier.ARCHIVE) for memory_id in weakest]
    return tuple(moves)


def overflow(ids: Iterable[int], capacity: int) -> list[int]:
    """Return the first of `ids` that exceed a tier's capacity."""
    held = list(ids)
    return held[: max(0, len(held) - capacity)]


def retention(memories: Memories, rows: RowNumbers, now: float) -> npt.NDArray[np.float64]:
    """Return the retention of the memory of each of `rows`, shape (len(rows),).

    Base-level activation of ACT-R, ln of the sum over accesses of age^(-1/2), in Petrov's
    approximation with one access kept exactly (Petrov, ICCM 2006), plus importance, plus
    distinctiveness (1 - highest cosine to the rest).
    """
    oldest = np.maximum(now - memories.created[rows], NEWEST_AGE)
    latest = np.clip(now - memories.last_access[rows], NEWEST_AGE, oldest)
    # The other accesses are assumed evenly spread between the first and the latest: the mean of
    # age^(-1/2) over that span is 2 / (sqrt(oldest) + sqrt(latest)).
    root = np.sqrt(latest)
    earlier = memories.accesses[rows] * 2.0 / (np.sqrt(oldest) + root)
    activation = np.log(1.0 / root + earlier)
    kept: npt.NDArray[np.float64] = (
        activation + memories.importance[rows] + 1.0 - memories.nearest[rows]
    )
    return kept


def _weakest(
    memories: Memories, incoming: Sequence[int], number: int, now: float, kept: Collection[int]
) -> list[int]:
    """Return the memories of long_term and `incoming` with the lowest retention, ties by the
    older."""
    mask = memories.tiers[: memories.count] == MemoryTier.LONG_TERM
    mask[memories.rows(incoming)] = True
    mask[memories.rows(kept)] = False
    rows = np.flatnonzero(mask)
    scores = retention(memories, rows, now)
    if number < len(rows):
        weak = scores <= np.partition(scores, number - 1)[number - 1]
        rows, scores = rows[weak], scores[weak]
    ids = memories.ids[rows]
    return [int(memory_id) for memory_id in ids[np.lexsort((ids, scores))[:number]]]
