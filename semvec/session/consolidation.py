"""Which long-term memories stand for others that say nearly the same.

Leader clustering (Hartigan, Clustering Algorithms, 1975, chapter 3): in order of learning, a
memory that is near enough to one that covers is covered by it; any other covers from now on. Each
is compared once, so that it costs one scan of long_term. Texts are never merged: a memory that
covers gains importance, once, and so the covered leave for the archive first. Figures:
docs/memory.md.
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
"""Cosine from which on a memory covers another."""
COVER_IMPORTANCE = 0.8
"""Importance that a memory has at least which covers."""
FULL = 0.5
"""Share of long_term that has to be taken before anything needs an order of leaving."""
FEWEST, MOST = 64, 256
"""New memories of a batch."""
FEWEST_OF_FEW = 8
"""Enough where long_term has room for few; up to FEWEST an eighth of it is."""


@dataclass(frozen=True, slots=True, eq=False)
class ConsolidationBatch:
    """Copies of n rows of long_term: the first `covers` of them cover, the others are new, in order
    of learning. `ids` and `scales` have shape (n,), `codes` (n, d)."""

    ids: MemoryIds
    codes: Codes
    scales: Scales
    covers: int


@dataclass(frozen=True, slots=True)
class Finding:
    """A new memory, the nearest one that covers, 0 where there is none, and their cosine."""

    memory_id: int
    nearest_id: int
    cosine: float

    @property
    def covered(self) -> bool:
        return self.cosine >= COVERING


def due(memories: Memories) -> bool:
    """Whether long_term is filling and enough in it is new."""
    if len(memories.tier_ids[MemoryTier.LONG_TERM]) < FULL * memories.long_term:
        return False
    enough = min(FEWEST, max(FEWEST_OF_FEW, memories.long_term // 8))
    return int(np.count_nonzero(_status(memories, ConsolidationStatus.NEW))) >= enough


def batch_of(memories: Memories) -> ConsolidationBatch:
    """What `findings` needs of the memories as they are."""
    covers = np.flatnonzero(_status(memories, ConsolidationStatus.COVERS))
    new = np.flatnonzero(_status(memories, ConsolidationStatus.NEW))
    rows = np.append(covers, new[np.argsort(memories.ids[new])[:MOST]])
    return ConsolidationBatch(memories.ids[rows], *memories.vectors.gathered(rows), len(covers))


def findings(batch: ConsolidationBatch) -> list[Finding]:
    """What each new memory is like; some milliseconds of products."""
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
    """The event of these findings, as far as they hold for the memories as they are by now."""
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
    """Whether the memory is still there and new, and what covers it still there."""
    if finding.memory_id not in memories:
        return False
    row = memories.row(finding.memory_id)
    still_new = (
        memories.tiers[row] == MemoryTier.LONG_TERM
        and memories.standing[row] == ConsolidationStatus.NEW
    )
    return bool(still_new) and (not finding.covered or finding.nearest_id in memories)


def _status(memories: Memories, standing: ConsolidationStatus) -> npt.NDArray[np.bool_]:
    """Which rows hold long-term memories of this standing."""
    tiers, held = memories.tiers[: memories.count], memories.standing[: memories.count]
    chosen: npt.NDArray[np.bool_] = (tiers == MemoryTier.LONG_TERM) & (held == standing)
    return chosen
