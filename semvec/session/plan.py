"""A request's changes to a session, before its vectors are compared with the memories."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from semvec.session.events import Component, Input, IsolationLevel, QuarantinedItem
from semvec.session.text_normalise import Digests
from semvec.vectors import Vector, unpacked

NEW_IMPORTANCE = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class Draft:
    """A future memory: of the pending question, of inputs by their indices, of both, or of an item
    that was `held`.

    `x` is its unit vector, shape (d,), normalised by `scale`. `tokens` are its token vectors if its
    parts have too many together.
    """

    text: str
    x: Vector
    asked: bool = False
    answer: int | None = None
    scale: float = 1.0
    held: QuarantinedItem | None = None
    tokens: bytes | None = None
    question: int | None = None
    digests: Digests = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "digests", Digests(self.text))

    @property
    def importance(self) -> float:
        return NEW_IMPORTANCE if self.held is None else self.held.importance


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """`queries`, shape (m, d), are the drafts' vectors, then the message's if there is one.

    `removed` and `added` are components. `withheld_by` is the level that kept any input from being
    learnt.
    """

    queries: Vector
    heard: tuple[Input, ...] = ()
    drafts: tuple[Draft, ...] = ()
    reset: bool = False
    removed: tuple[int, ...] = ()
    added: tuple[Component, ...] = ()
    withheld_by: IsolationLevel | None = None


def rows(vectors: Sequence[Vector], dimension: int) -> Vector:
    """Stack vectors of shape (d,) into shape (len(vectors), d)."""
    return np.array(vectors, np.float32).reshape(-1, dimension)


def held_draft(item: QuarantinedItem) -> Draft:
    return Draft(item.text, unpacked(item.vector), held=item)
