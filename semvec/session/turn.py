"""Decides one request's changes to a session before anything changes.

In three steps: `plan_turn` says which vectors must be compared with the session's memories, the
caller compares them, `decide_turn` makes the event.
"""

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from semvec.session import drift
from semvec.session.detector import observe
from semvec.session.events import (
    Access,
    Component,
    Input,
    MemoryRecord,
    MemoryTier,
    MemoryWrite,
    QuarantinedItem,
    Turn,
    Use,
)
from semvec.session.isolation_filter import IsolationFilter
from semvec.session.lexical_cues import cues
from semvec.session.plan import Draft, Plan, rows
from semvec.session.session import Pending, Session
from semvec.session.state import BOOST_UPDATES, State
from semvec.session.text_normalise import fold_of
from semvec.session.tiers import plan_moves
from semvec.vectors import Tokens, Vector, packed

REINFORCEMENT = 0.1
"""Importance added to a memory by hearing the same words again."""


@dataclass(frozen=True, slots=True, eq=False)
class EncodedText:
    """A text, its embedding, float32, shape (d,), unit length, and its token vectors, if any."""

    text: str
    vector: Vector
    tokens: Tokens | None = None

    @property
    def packed_tokens(self) -> bytes | None:
        return None if self.tokens is None else self.tokens.kept


def plan_turn(
    session: Session,
    *,
    message: EncodedText | None = None,
    response: EncodedText | None = None,
    reset: bool = False,
) -> Plan:
    """Plan a run or a store. Without inputs, the plan only records what is waiting."""
    heard = score_inputs(session.drift, response, message, reset=reset)
    sieve = IsolationFilter(session, heard)
    pairs = _pairs(session.pending, heard, reset=reset)
    drafts = [draft for pair in pairs if (draft := sieve.draft(*pair)) is not None]
    queries = [] if message is None else [message.vector]
    return _plan(session, sieve, drafts, queries, reset=reset)


def plan_exchange(session: Session, message: EncodedText, response: EncodedText) -> Plan:
    """Plan a message together with its answer. A pending question is learnt without an answer."""
    heard = _score(session.drift, ((message, False), (response, False)))
    sieve, asked = IsolationFilter(session, heard), heard[0]
    pending = Pending(asked.text, asked.vector, asked.tokens)
    drafts = [] if session.pending is None else [sieve.draft(session.pending, None)]
    pair = sieve.draft(pending, 1)
    if pair is not None and pair.asked:
        pair = dataclasses.replace(pair, asked=False, question=0)
    drafts.append(pair)
    return _plan(session, sieve, [each for each in drafts if each is not None])


def _plan(
    session: Session,
    sieve: IsolationFilter,
    drafts: Sequence[Draft],
    queries: Sequence[Vector] = (),
    *,
    reset: bool = False,
) -> Plan:
    return Plan(
        queries=rows([*(draft.x for draft in drafts), *queries], session.profile.dimension),
        heard=tuple(_lightened(sieve.heard(), drafts)),
        drafts=tuple(drafts),
        reset=reset,
        removed=tuple(sieve.removed),
        added=tuple(sieve.added),
        withheld_by=sieve.withheld_by,
    )


def decide_turn(
    session: Session,
    plan: Plan,
    cosines: Vector,
    *,
    now: float,
    accessed: Sequence[Access] = (),
    returned: Sequence[MemoryRecord] = (),
    used: Sequence[Use] = (),
) -> Turn:
    """Build the event of a plan.

    `cosines`, shape (m, count), are those of the plan's queries to the session's rows. `returned`
    are memories that come back from the archive, `used` the finds in the literal cache.
    """
    nearest = cosines.max(axis=1, initial=0.0).tolist()
    learnt = tuple(_learn(session, plan.drafts, nearest, returned))
    placed: dict[MemoryTier, list[int]] = {
        MemoryTier.SHORT_TERM: [record.id for record in returned]
    }
    for draft, each in zip(plan.drafts, learnt, strict=True):
        if not each.reinforces:
            tier = MemoryTier.SHORT_TERM if draft.held is None else draft.held.tier
            placed.setdefault(tier, []).append(each.memory_id)
    switched = session.profile.topic_switch and any(each.step.detected for each in plan.heard)
    return Turn(
        at=now,
        heard=plan.heard,
        learnt=learnt,
        moves=plan_moves(session.memories, placed, now, {each.memory_id for each in learnt}),
        accessed=tuple(accessed),
        returned=tuple(returned),
        reset=plan.reset,
        boost=BOOST_UPDATES if switched else 0,
        used=tuple(used),
        removed=plan.removed,
        added=tuple(_stamped(piece, now) for piece in plan.added),
    )


def score_inputs(
    state: drift.DriftState,
    response: EncodedText | None,
    message: EncodedText | None,
    *,
    reset: bool,
) -> tuple[Input, ...]:
    """Run the drift detector over the inputs; the response came before the message."""
    if reset:
        state = drift.restart(state)
    inputs = ((response, False), (message, True))
    return _score(state, [(said, asks) for said, asks in inputs if said is not None])


def _score(
    state: drift.DriftState, inputs: Sequence[tuple[EncodedText, bool]]
) -> tuple[Input, ...]:
    """Score inputs in order of arrival, each with whether it waits for an answer."""
    heard: list[Input] = []
    for said, asks in inputs:
        step = observe(state, said.vector, cues(said.text))
        state = drift.advance(state, step, said.vector)
        heard.append(Input(said.text, packed(said.vector), step, asks, said.packed_tokens))
    return tuple(heard)


def _lightened(heard: Sequence[Input], drafts: Sequence[Draft]) -> Iterator[Input]:
    """Yield the inputs, without token vectors if their memories have their own."""
    whole = [draft for draft in drafts if draft.tokens is not None]
    pooled = {place for draft in whole for place in (draft.question, draft.answer)}
    for place, each in enumerate(heard):
        yield replace(each, tokens=None) if place in pooled else each


def _pairs(
    pending: Pending | None, heard: Sequence[Input], *, reset: bool
) -> list[tuple[Pending | None, int | None]]:
    """Return question and answer of each future memory, in order; the answer by its index."""
    answers = [place for place, each in enumerate(heard) if not each.asks]
    if answers and pending is not None and not reset:
        return [(pending, answers[0])]
    displaced: list[tuple[Pending | None, int | None]] = []
    if pending is not None and heard:
        displaced.append((pending, None))
    return displaced + [(None, place) for place in answers]


def _learn(
    session: Session,
    drafts: Sequence[Draft],
    nearest: Sequence[float],
    returned: Sequence[MemoryRecord],
) -> Iterator[MemoryWrite]:
    state: State = session.state
    known = {
        fold_of(record.fold, record.text): (record.id, record.importance) for record in returned
    }
    next_id = session.next_id
    for draft, cosine in zip(drafts, nearest, strict=False):
        fold = draft.digests.fold
        older = session.memories.find_by_text(fold) or known.get(fold)
        memory_id, importance = older or (next_id, draft.importance)
        if older is not None:
            importance = min(1.0, max(importance + REINFORCEMENT, draft.importance))
        known[fold] = memory_id, importance
        next_id = max(next_id, memory_id + 1)
        updates = draft.held is None or draft.held.updates
        update = state.decide(draft.x, session.anchors) if updates else None
        yield MemoryWrite(
            asked=draft.asked,
            answer=draft.answer,
            memory_id=memory_id,
            reinforces=older is not None,
            hash=draft.digests.hash,
            fold=fold,
            importance=importance,
            nearest=cosine,
            scale=draft.scale,
            update=update,
            held=0 if draft.held is None else draft.held.id,
            tokens=None if older is not None else draft.tokens,
            question=draft.question,
        )
        if update is not None and draft is not drafts[-1]:
            state = state.after(update, draft.x, session.anchors)


def _stamped(piece: Component, now: float) -> Component:
    return replace(piece, at=now) if isinstance(piece, QuarantinedItem) else piece
