"""What one request does to a session, decided before anything changes."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

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


def decide_turn(
    session: Session,
    *,
    now: float,
    message: Said | None = None,
    response: Said | None = None,
    reset: bool = False,
    accessed: Sequence[Access] = (),
    returned: Sequence[MemoryRecord] = (),
) -> Turn:
    """The event of one run or store; without inputs, one that only records accesses and returns.

    `returned` are memories of the archive that come back to the hot tiers.
    """
    heard = hear(session.drift, response, message, reset=reset)
    learnt = tuple(_learn(session, heard, wanted(session.pending, heard, reset=reset), returned))
    arrivals = [record.id for record in returned]
    arrivals += [each.memory_id for each in learnt if not each.reinforces]
    switched = session.profile.topic_switch and any(each.step.detected for each in heard)
    return Turn(
        at=now,
        heard=heard,
        learnt=learnt,
        moves=session.memories.plan_moves(arrivals, now),
        accessed=tuple(accessed),
        returned=tuple(returned),
        reset=reset,
        boost=BOOST_UPDATES if switched else 0,
    )


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


def wanted(pending: Pending | None, heard: Sequence[Heard], *, reset: bool) -> list[Source]:
    """What is to be learnt of the pending question and the response, in order."""
    answered = any(each.role == "response" for each in heard)
    if answered and pending is not None and not reset:
        return ["pair"]
    alone: list[Source] = ["question"] if pending is not None and heard else []
    return [*alone, "response"] if answered else alone


def _learn(
    session: Session,
    heard: Sequence[Heard],
    wanted_sources: Sequence[Source],
    returned: Sequence[MemoryRecord],
) -> Iterator[Learnt]:
    state: State = session.state
    known = {record.fold: (record.id, record.importance) for record in returned}
    next_id = session.next_id
    for source in wanted_sources:
        question, response = sources(source, session.pending, heard)
        scale = 1.0
        if question is not None and response is not None:
            scale = blend_scale(vector_of(question.vector), vector_of(response.vector))
        x = learnt_vector(question, response, scale)
        text = joined(text_of(question), text_of(response))
        fold = fold_digest(text)
        older = session.memories.with_fold(fold) or known.get(fold)
        memory_id, importance = older or (next_id, NEW_IMPORTANCE)
        if older is not None:
            importance = min(1.0, importance + REINFORCEMENT)
        known[fold] = memory_id, importance
        next_id = max(next_id, memory_id + 1)
        update = state.decide(x)
        yield Learnt(
            source=source,
            memory_id=memory_id,
            reinforces=older is not None,
            hash=content_hash(text),
            fold=fold,
            importance=importance,
            nearest=session.memories.nearest_to(x),
            scale=scale,
            update=update,
        )
        if source != wanted_sources[-1]:
            state = state.after(update, x)
