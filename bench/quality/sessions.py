"""Sessions in this process, by way of what the server itself does: no HTTP, no storage."""

from collections.abc import Iterable

from semvec.kernels.pages import VectorPool
from semvec.session.events import Profile, SessionCreated, Turn
from semvec.session.query import EncodedQuery
from semvec.session.search import Found, Search
from semvec.session.session import Session
from semvec.session.turn import EncodedText, decide_turn, plan_turn

START = 1_000_000_000.0
TURN_S = 0.01
"""Seconds between two turns, about as a server learns them."""


def new_session(profile: Profile) -> Session:
    return Session(SessionCreated(START, profile))


def play(
    session: Session, *, message: EncodedText | None = None, response: EncodedText | None = None
) -> Turn:
    """One turn, decided and applied."""
    plan = plan_turn(session, message=message, response=response)
    cosines = session.memories.cosines(plan.queries)
    turn = decide_turn(session, plan, cosines, now=session.used_at + TURN_S)
    session.apply(turn)
    return turn


def told(profile: Profile, said: Iterable[EncodedText]) -> Session:
    """A session in which each of these is a memory of its own."""
    session = new_session(profile)
    for each in said:
        play(session, response=each)
    return session


def ask(session: Session, query: EncodedQuery, k: int) -> list[Found]:
    """At most k memories for a question that is not learnt."""
    cosines = session.memories.cosines(query.vector[None])[0]
    return Search(session, query, cosines, session.used_at).best(k)


def vector_bytes(session: Session) -> list[int]:
    """Of each memory: its vectors, pooled and of tokens, and their scales."""
    memories = session.memories
    pooled = (memories.vectors,) if memories.questions is None else (memories.vectors,) * 2
    fixed = sum(_row_bytes(rows.lease.plane) for rows in pooled)
    tokens = memories.tokens
    each = _row_bytes(tokens.lease.plane)
    return [fixed + each * int(length) for length in tokens.lengths[: memories.count]]


def _row_bytes(plane: VectorPool) -> int:
    return plane.width * plane.codes.itemsize + plane.scales.itemsize
