"""Boosts of relevance by anchors and triggers; each memory gets its largest single boost."""

from collections.abc import Callable, Collection, Iterable

import numpy as np
import numpy.typing as npt

from semvec.session.anchors import AnchorSet
from semvec.session.lexical import LexicalIndex
from semvec.session.scoring import Scores
from semvec.session.triggers import Fired, Spoken, Words
from semvec.vectors import Vector
from semvec.words import INDEXED, terms

ANCHOR_SHARE = 0.1
"""Largest boost by an anchor of weight 1."""
TRIGGER_SHARE = 0.3
"""Boost by a trigger."""
TESTED = 65_536
"""Characters of memories searched for one query's keywords, newest memories first."""


def boosts(anchors: AnchorSet, fired: Fired, cosines: Vector) -> Scores:
    """Return the boost of each of n memories, shape (n,), in [0, 1], without keywords.

    `cosines`, shape (m, n), are those of the anchors, then of the fired triggers' vectors.
    """
    pulls, tests = cosines[: len(anchors)], cosines[len(anchors) :]
    weighted = (anchors.weights[:, None] * pulls).max(axis=0, initial=0.0)
    boost: Scores = ANCHOR_SHARE * np.minimum(weighted, 1.0)
    if len(tests):
        boost[fired.near(tests)] = TRIGGER_SHARE
    return boost


def candidates(index: LexicalIndex, keywords: Iterable[Words]) -> set[int] | None:
    """Return the slots of the index that may hold a keyword, or None if any slot may: stop words
    are not indexed, so a keyword of stop words alone cannot be looked up."""
    found: set[int] = set()
    for keyword in keywords:
        if not (telling := terms(" ".join(keyword))):
            return None
        found.update(min(map(index.slots, telling), key=len).tolist())
    return found


def named(
    keywords: Collection[Words], slots: npt.NDArray[np.intp], text_of: Callable[[int], str]
) -> npt.NDArray[np.intp]:
    """Return the slots whose text holds a keyword, within TESTED characters."""
    single = {keyword[0] for keyword in keywords if len(keyword) == 1}
    longer = [keyword for keyword in keywords if len(keyword) > 1]
    found, left = [], TESTED
    for slot in slots.tolist():
        text = text_of(slot)
        left -= len(text)
        if left < 0:
            break
        said = Spoken(text[:INDEXED], INDEXED)
        if said.holds_any(single) or any(map(said.holds, longer)):
            found.append(slot)
    return np.array(found, np.intp)
