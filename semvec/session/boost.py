"""What anchors and triggers add to the relevance of memories: for each the largest single boost."""

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
"""What an anchor of weight 1 adds at most."""
TRIGGER_SHARE = 0.3
"""What a trigger adds."""
TESTED = 65_536
"""Characters of memories that one query's keywords are looked for in, newest memories first."""


def boosts(anchors: AnchorSet, fired: Fired, cosines: Vector) -> Scores:
    """The boost of each of n memories, shape (n,), in [0, 1], keywords left out.

    `cosines`, shape (m, n), are those of the anchors, then of the fired triggers' vectors.
    """
    pulls, tests = cosines[: len(anchors)], cosines[len(anchors) :]
    weighted = (anchors.weights[:, None] * pulls).max(axis=0, initial=0.0)
    boost: Scores = ANCHOR_SHARE * np.minimum(weighted, 1.0)
    if len(tests):
        boost[fired.near(tests)] = TRIGGER_SHARE
    return boost


def candidates(index: LexicalIndex, keywords: Iterable[Words]) -> set[int] | None:
    """Slots of the index that may hold a keyword, None where that can be any: one of nothing but
    stop words is not indexed."""
    found: set[int] = set()
    for keyword in keywords:
        if not (telling := terms(" ".join(keyword))):
            return None
        found.update(min(map(index.slots, telling), key=len).tolist())
    return found


def named(
    keywords: Collection[Words], slots: npt.NDArray[np.intp], text_of: Callable[[int], str]
) -> npt.NDArray[np.intp]:
    """Those of the slots whose text holds a keyword, as far as TESTED goes."""
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
