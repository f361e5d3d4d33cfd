"""Sessions for tests: seeded vectors, scripted turns."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from semvec.session.events import Access, Created, MemoryRecord, Profile, Turn
from semvec.session.session import Session
from semvec.session.turn import Said, decide_turn, plan_turn
from semvec.vectors import Vector

DIMENSION = 12


def unit(seed: int, dimension: int = DIMENSION) -> Vector:
    x = np.random.default_rng(seed).standard_normal(dimension)
    return (x / np.linalg.norm(x)).astype(np.float32)


def said(text: str) -> Said:
    """A text whose vector depends on nothing but its words."""
    return Said(text, unit(sum(text.encode()) * 7919 + len(text)))


def new_session(*, long_term: int = 4096, dimension: int = DIMENSION) -> Session:
    return Session(Created(at=1000.0, profile=Profile(dimension, None, long_term)))


def decided(
    session: Session,
    *,
    now: float,
    message: Said | None = None,
    response: Said | None = None,
    reset: bool = False,
    accessed: Sequence[Access] = (),
    returned: Sequence[MemoryRecord] = (),
) -> Turn:
    """The event that these inputs make."""
    plan = plan_turn(session, message=message, response=response, reset=reset)
    cosines = session.memories.cosines(plan.queries)
    return decide_turn(session, plan, cosines, now=now, accessed=accessed, returned=returned)


def play(session: Session, **inputs: Any) -> Turn:
    """Decide and apply one turn a second after the last one."""
    turn = decided(session, now=session.used_at + 1.0, **inputs)
    session.apply(turn)
    return turn


def talk(session: Session, turns: int) -> Iterator[Turn]:
    """So many turns of questions with answers, all different."""
    for number in range(turns):
        answer = said(f"answer number {number - 1}") if number else None
        yield play(session, message=said(f"question number {number}?"), response=answer)
