"""Sessions for tests: seeded vectors, scripted turns."""

from collections.abc import Iterator

import numpy as np

from semvec.session.events import Created, Profile, Turn
from semvec.session.session import Session
from semvec.session.turn import Said, decide_turn
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


def play(session: Session, **inputs: object) -> Turn:
    """Decide and apply one turn a second after the last one."""
    decision = decide_turn(session, now=session.used_at + 1.0, **inputs)  # type: ignore[arg-type]
    session.apply(decision.turn)
    return decision.turn


def talk(session: Session, turns: int) -> Iterator[Turn]:
    """So many turns of questions with answers, all different."""
    for number in range(turns):
        answer = said(f"answer number {number - 1}") if number else None
        yield play(session, message=said(f"question number {number}?"), response=answer)
