"""What one request does to a session, decided before anything changes.

In three steps: `plan_turn` says which vectors have to be compared with the session's memories, the
caller does that, `decide_turn` makes the event.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from semvec.session import drift
from semvec.session.events import Access, Heard, Learnt, MemoryRecord, Turn, joined
from semvec.session.folding import fold_digest
from semvec.session.memory import content_hash, text_of
from semvec.session.session import Pending, Session, learnt_vector
from semvec.session.state import BOOST_UPDATES, State
from semvec.vectors import Vector, blend_scale, packed, unpacked

NEW_IMPORTANCE = 0.5
REINFORCEMENT = 0.1
"""What hearing the same words again adds to a memory's importance."""


@dataclass(frozen=True, slots=True, eq=False)
class Said:
    """A text and its embedding, float32, shape (d,), unit length."""

    text: str
    vector: Vector


@dataclass(frozen=True, slots=True, eq=False)
class Draft:
    """A memory to be: of the pending question, of an input by its place, or of both.

    `x` is its unit vector, shape (d,), and `scale` what normalised it.
    """

    asked: bool
    answer: int | None
    text: str
    fold: bytes
    x: Vector
    scale: float


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """`queries`, shape (m, d), are the drafts' vectors, then the message's if there is one."""

    heard: tuple[Heard, ...]
    drafts: tuple[Draft, ...]
    queries: Vector
    reset: bool


def plan_turn(
    session: Session,
    *,
    message: Said | None = None,
    response: Said | None = None,
    reset: bool = False,
) -> Plan:
    """What a run or a store brings; without inputs, nothing but what waits to be recorded."""
    heard = hear(session.drift, response, message, reset=reset)
    drafts = tuple(_drafts(session.pending, heard, reset=reset))
    vectors = [draft.x for draft in drafts] + ([] if message is None else [message.vector])
    queries = np.array(vectors, np.float32).reshape(-1, session.profile.dimension)
    return Plan(heard, drafts, queries, reset)


def decide_turn(
    session: Session,
    plan: Plan,
    cosines: Vector,
    *,
    now: float,
    accessed: Sequence[Access] = (),
    returned: Sequence[MemoryRecord] = (),
) -> Turn:
    """The event of a plan.

    `cosines`, shape (m, count), are those of the plan's queries to the session's rows. `returned`
    are memories of the archive that come back to the hot tiers.
    """
    nearest = cosines.max(axis=1, initial=0.0).tolist()
    learnt = tuple(_learn(session, plan.drafts, nearest, returned))
    arrivals = [record.id for record in returned]
    arrivals += [each.memory_id for each in learnt if not each.reinforces]
    switched = session.profile.topic_switch and any(each.step.detected for each in plan.heard)
    return Turn(
        at=now,
        heard=plan.heard,
        learnt=learnt,
        moves=session.memories.plan_moves(arrivals, now, {each.memory_id for each in learnt}),
        accessed=tuple(accessed),
        returned=tuple(returned),
        reset=plan.reset,
        boost=BOOST_UPDATES if switched else 0,
    )


def hear(
    state: drift.DriftState, response: Said | None, message: Said | None, *, reset: bool
) -> tuple[Heard, ...]:
    """Each input with what the drift detector makes of it; the response came before the message."""
    if reset:
        state = drift.restart(state)
    heard: list[Heard] = []
    for said, asks in ((response, False), (message, True)):
        if said is not None:
            step = drift.observe(state, said.vector)
            state = drift.advance(state, step, said.vector)
            heard.append(Heard(said.text, packed(said.vector), step, asks))
    return tuple(heard)


def _drafts(pending: Pending | None, heard: Sequence[Heard], *, reset: bool) -> Iterator[Draft]:
    """What is to be learnt of the pending question and the response, in order."""
    answers = [place for place, each in enumerate(heard) if not each.asks]
    if answers and pending is not None and not reset:
        yield _draft(pending, answers[0], heard)
        return
    if pending is not None and heard:
        yield _draft(pending, None, heard)
    for place in answers:
        yield _draft(None, place, heard)


def _draft(question: Pending | None, answer: int | None, heard: Sequence[Heard]) -> Draft:
    response = None if answer is None else heard[answer]
    scale = 1.0
    if question is not None and response is not None:
        scale = blend_scale(unpacked(question.vector), unpacked(response.vector))
    text = joined(text_of(question), text_of(response))
    x = learnt_vector(question, response, scale)
    return Draft(question is not None, answer, text, fold_digest(text), x, scale)


def _learn(
    session: Session,
    drafts: Sequence[Draft],
    nearest: Sequence[float],
    returned: Sequence[MemoryRecord],
) -> Iterator[Learnt]:
    state: State = session.state
    known = {record.fold: (record.id, record.importance) for record in returned}
    next_id = session.next_id
    for draft, cosine in zip(drafts, nearest, strict=False):
        older = session.memories.with_fold(draft.fold) or known.get(draft.fold)
        memory_id, importance = older or (next_id, NEW_IMPORTANCE)
        if older is not None:
            importance = min(1.0, importance + REINFORCEMENT)
        known[draft.fold] = memory_id, importance
        next_id = max(next_id, memory_id + 1)
        update = state.decide(draft.x)
        yield Learnt(
            asked=draft.asked,
            answer=draft.answer,
            memory_id=memory_id,
            reinforces=older is not None,
            hash=content_hash(draft.text),
            fold=draft.fold,
            importance=importance,
            nearest=cosine,
            scale=draft.scale,
            update=update,
        )
        if draft is not drafts[-1]:
            state = state.after(update, draft.x)
