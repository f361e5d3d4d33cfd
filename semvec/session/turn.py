"""What one request does to a session, decided before anything changes."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from msgspec import structs

from semvec.session import drift
from semvec.session.events import Access, Heard, Learnt, MemoryRecord, Source, Turn
from semvec.session.lexical import fold_digest
from semvec.session.memory import content_hash, joined, text_of
from semvec.session.session import Pending, Session, learnt_vector, sources, vector_of
from semvec.session.state import BOOST_UPDATES, State
from semvec.vectors import Vector, blend_scale

NEW_IMPORTANCE = 0.5
REINFORCEMENT = 0.1
"""What hearing the same words again adds to a memory's importance."""


@dataclass(frozen=True, slots=True, eq=False)
class Said:
    """A text and its embedding, float32, shape (d,), unit length."""

    text: str
    vector: Vector


@dataclass(frozen=True, slots=True, eq=False)
class Decision:
    """An event, and the message's cosines to the rows as they were before it, shape (count,)."""

    turn: Turn
    cosines: Vector | None

    @property
    def arrivals(self) -> list[int]:
        """Ids of the memories that the event brings."""
        fresh = [each.memory_id for each in self.turn.learnt if not each.reinforces]
        return [record.id for record in self.turn.returned] + fresh


def decide_turn(
    session: Session,
    *,
    now: float,
    message: Said | None = None,
    response: Said | None = None,
    reset: bool = False,
    accessed: Sequence[Access] = (),
    returned: Sequence[MemoryRecord] = (),
) -> Decision:
    """The event of one run or store; without inputs, one that only records accesses and returns.

    `returned` are memories of the archive that come back to the hot tiers.
    """
    heard = hear(session.drift, response, message, reset=reset)
    drafts = draft(session.pending, heard, reset=reset)
    queries = [each.x for each in drafts] + ([] if message is None else [message.vector])
    cosines = session.memories.cosines(np.stack(queries)) if queries else None
    nearest = [] if cosines is None else cosines.max(axis=1, initial=0.0).tolist()
    switched = session.profile.topic_switch and any(each.step.detected for each in heard)
    turn = Turn(
        at=now,
        heard=heard,
        learnt=tuple(_learn(session, drafts, nearest, returned)),
        accessed=tuple(accessed),
        returned=tuple(returned),
        reset=reset,
        boost=BOOST_UPDATES if switched else 0,
    )
    decision = Decision(turn, None if cosines is None or message is None else cosines[-1])
    moves = session.memories.plan_moves(decision.arrivals, now)
    return replace(decision, turn=structs.replace(turn, moves=moves)) if moves else decision


def hear(
    state: drift.DriftState, response: Said | None, message: Said | None, *, reset: bool
) -> tuple[Heard, ...]:
    """Each input with what the drift detector makes of it; the response came before the message."""
    if reset:
        state = drift.restart(state)
    heard: list[Heard] = []
    inputs: tuple[tuple[Literal["response", "message"], Said | None], ...] = (
        ("response", response),
        ("message", message),
    )
    for role, said in inputs:
        if said is not None:
            step = drift.observe(state, said.vector)
            state = drift.advance(state, step, said.vector)
            heard.append(Heard(role, said.text, said.vector.tobytes(), step))
    return tuple(heard)


@dataclass(frozen=True, slots=True, eq=False)
class Draft:
    """A memory to be: what it is made of, its text and its unit vector `x`, shape (d,)."""

    source: Source
    text: str
    x: Vector
    scale: float


def draft(pending: Pending | None, heard: Sequence[Heard], *, reset: bool) -> list[Draft]:
    """What is to be learnt of the pending question and the response, in order."""
    answered = any(each.role == "response" for each in heard)
    if answered and pending is not None and not reset:
        return [_draft("pair", pending, heard)]
    alone = [_draft("question", pending, heard)] if pending is not None and heard else []
    return [*alone, _draft("response", pending, heard)] if answered else alone


def _draft(source: Source, pending: Pending | None, heard: Sequence[Heard]) -> Draft:
    question, response = sources(source, pending, heard)
    scale = 1.0
    if question is not None and response is not None:
        scale = blend_scale(vector_of(question.vector), vector_of(response.vector))
    text = joined(text_of(question), text_of(response))
    return Draft(source, text, learnt_vector(question, response, scale), scale)


def _learn(
    session: Session,
    drafts: Sequence[Draft],
    nearest: Sequence[float],
    returned: Sequence[MemoryRecord],
) -> Iterator[Learnt]:
    state: State = session.state
    known = {record.fold: (record.id, record.importance) for record in returned}
    next_id = session.next_id
    for each, cosine in zip(drafts, nearest, strict=False):
        fold = fold_digest(each.text)
        older = session.memories.with_fold(fold) or known.get(fold)
        memory_id, importance = older or (next_id, NEW_IMPORTANCE)
        if older is not None:
            importance = min(1.0, importance + REINFORCEMENT)
        known[fold] = memory_id, importance
        next_id = max(next_id, memory_id + 1)
        update = state.decide(each.x)
        yield Learnt(
            source=each.source,
            memory_id=memory_id,
            reinforces=older is not None,
            hash=content_hash(each.text),
            fold=fold,
            importance=importance,
            nearest=cosine,
            scale=each.scale,
            update=update,
        )
        if each is not drafts[-1]:
            state = state.after(update, each.x)
