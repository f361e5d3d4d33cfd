"""Sessions for tests: seeded vectors, scripted turns."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from semvec.session.consolidation import batch_of, consolidated, findings
from semvec.session.events import Access, Consolidated, MemoryRecord, Profile, SessionCreated, Turn
from semvec.session.session import Session
from semvec.session.turn import EncodedText, decide_turn, plan_turn
from semvec.tokens import tokens_of
from semvec.vectors import Vector

DIMENSION = 12


def unit(seed: int, dimension: int = DIMENSION) -> Vector:
    x = np.random.default_rng(seed).standard_normal(dimension)
    return (x / np.linalg.norm(x)).astype(np.float32)


def said(text: str) -> EncodedText:
    """A text whose vector depends on nothing but its words."""
    return EncodedText(text, unit(sum(text.encode()) * 7919 + len(text)))


def worded(text: str) -> EncodedText:
    """The same with a token vector for each word, which depends on nothing but that word."""
    words = text.split()
    vectors = np.array([said(word).vector for word in words]).reshape(-1, DIMENSION)
    return EncodedText(text, said(text).vector, tokens_of(vectors, words))


def new_session(
    *, long_term: int = 4096, dimension: int = DIMENSION, token_dimension: int = 0
) -> Session:
    profile = Profile(dimension, None, long_term, token_dimension=token_dimension)
    return Session(SessionCreated(at=1000.0, profile=profile))


def decided(
    session: Session,
    *,
    now: float,
    message: EncodedText | None = None,
    response: EncodedText | None = None,
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


def consolidate(session: Session) -> Consolidated | None:
    """Judge the oldest of what is new in long_term."""
    found = findings(batch_of(session.memories))
    event = consolidated(session.memories, found, session.used_at)
    if event is not None:
        session.apply(event)
    return event


def talk(session: Session, turns: int) -> Iterator[Turn]:
    """So many turns of questions with answers, all different."""
    for number in range(turns):
        answer = said(f"answer number {number - 1}") if number else None
        yield play(session, message=said(f"question number {number}?"), response=answer)
