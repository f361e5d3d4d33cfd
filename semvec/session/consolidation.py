"""Consolidation marks the long-term memories that cover a group of near ones.

Leader clustering (Hartigan, Clustering Algorithms, 1975, chapter 3): in order of learning, a memory
near enough to a covering one is covered by it; otherwise it covers from now on. Each memory is
compared once, at the cost of one scan of long_term. Texts are never merged. A covering memory gains
importance, once, so that covered ones go to the archive first. Figures: docs/memory.md.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from semvec.kernels.numpy_ import Codes, Scales, cosines, nearest
from semvec.session.events import Consolidated, Consolidation, ConsolidationStatus, MemoryTier
from semvec.session.memory import Memories
from semvec.session.scoring import MemoryIds

COVERING = 0.75
"""Least cosine at which a memory covers another."""
COVER_IMPORTANCE = 0.8
"""Least importance of a covering memory."""
FULL = 0.5
"""Fill level of long_term from which consolidation starts."""
FEWEST, MOST = 64, 256
"""Least and most new memories of a batch."""
FEWEST_OF_FEW = 8
"""Lowest minimum for a small long_term; below FEWEST the minimum is an eighth of its room."""


@dataclass(frozen=True, slots=True, eq=False)
class ConsolidationBatch:
    """Copies of n rows of long_term: the first `covers` rows cover, the others are new, in order of
    learning. `ids` and `scales` have shape (n,), `codes` (n, d)."""

    ids: MemoryIds
    codes: Codes
    scales: Scales
    covers: int


@dataclass(frozen=True, slots=True)
class Finding:
    """A new memory, the nearest covering memory (0 if there is none) and their cosine."""

    memory_id: int
    nearest_id: int
    cosine: float

    @property
    def covered(self) -> bool:
        return self.cosine >= COVERING


def due(memories: Memories) -> bool:
    """Whether long_term is filling and has enough new memories."""
    if len(memories.tier_ids[MemoryTier.LONG_TERM]) < FULL * memories.long_term:
        return False
    enough = min(FEWEST, max(FEWEST_OF_FEW, memories.long_term // 8))
    return int(np.count_nonzero(_status(memories, ConsolidationStatus.NEW))) >= enough


def batch_of(memories: Memories) -> ConsolidationBatch:
    """Copy the rows that `findings` needs."""
    covers = np.flatnonzero(_status(memories, ConsolidationStatus.COVERS))
    new = np.flatnonzero(_status(memories, ConsolidationStatus.NEW))
    rows = np.append(covers, new[np.argsort(memories.ids[new])[:MOST]])
    return ConsolidationBatch(memories.ids[rows], *memories.vectors.gathered(rows), len(covers))


def findings(batch: ConsolidationBatch) -> list[Finding]:
    """Compare each new memory with the covering ones; takes some milliseconds."""
    old, new = slice(0, batch.covers), slice(batch.covers, None)
    ids, unit = batch.ids[new], batch.codes[new] * batch.scales[new, None]
    places, highest = nearest(unit, batch.codes[old], batch.scales[old])
    nearest_ids = batch.ids[places] if batch.covers else np.zeros_like(ids)
    among = cosines(unit, batch.codes[new], batch.scales[new])
    for place, memory_id in enumerate(ids):
        if highest[place] < COVERING:  # it covers from now on
            nearer = among[place] > highest
            nearer[: place + 1] = False
            highest[nearer], nearest_ids[nearer] = among[place, nearer], memory_id
    triples = zip(ids.tolist(), nearest_ids.tolist(), highest.tolist(), strict=True)
    return [Finding(*triple) for triple in triples]


def consolidated(memories: Memories, found: Sequence[Finding], now: float) -> Consolidated | None:
    """Return the event of the findings that still hold, or None."""
    verdicts = tuple(_verdict(memories, each) for each in found if _holds(memories, each))
    return Consolidated(now, verdicts) if verdicts else None


def _verdict(memories: Memories, finding: Finding) -> Consolidation:
    importance = float(memories.importance[memories.row(finding.memory_id)])
    nearest = max(0.0, finding.cosine)
    if finding.covered:
        return Consolidation(finding.memory_id, ConsolidationStatus.COVERED, importance, nearest)
    importance = max(importance, COVER_IMPORTANCE)
    return Consolidation(finding.memory_id, ConsolidationStatus.COVERS, importance, nearest)


def _holds(memories: Memories, finding: Finding) -> bool:
    """Whether the memory is still present and new, and its covering memory still present."""
    if finding.memory_id not in memories:
        return False
    row = memories.row(finding.memory_id)
    still_new = (
        memories.tiers[row] == MemoryTier.LONG_TERM
        and memories.standing[row] == ConsolidationStatus.NEW
    )
    return bool(still_new) and (not finding.covered or finding.nearest_id in memories)


def _status(memories: Memories, standing: ConsolidationStatus) -> npt.NDArray[np.bool_]:
    """Return the mask of rows that hold long-term memories of this status."""
    tiers, held = memories.tiers[: memories.count], memories.standing[: memories.count]
    chosen: npt.NDArray[np.bool_] = (tiers == MemoryTier.LONG_TERM) & (held == standing)
    return chosen
