"""One session: the fold of its events."""

from typing import assert_never

import msgspec
import numpy as np

from semvec.session import drift
from semvec.session.events import (
    Created,
    Event,
    Heard,
    Learnt,
    MemoryRecord,
    Profile,
    Tier,
    Turn,
)
from semvec.session.memory import Memories, text_of
from semvec.session.state import State
from semvec.vectors import Vector, blend, packed, unpacked


class Pending(msgspec.Struct, frozen=True, gc=False):
    """A question that waits for its answer."""

    text: str
    vector: bytes


class Session:
    """State, drift and memories after `seq` events; changed only by `apply`."""

    def __init__(self, created: Created) -> None:
        profile = created.profile
        self.profile: Profile = profile
        self.created_at = created.at
        self.used_at = created.at
        self.seq = 1
        template = None if profile.template is None else unpacked(profile.template)
        self.state = State(profile.dimension, template)
        self.drift = drift.DriftState.initial(profile.dimension)
        self.memories = Memories(profile.dimension, profile.long_term)
        weighted = [each.weight * unpacked(each.vector) for each in profile.policies]
        self.policies = np.array(weighted, np.float32).reshape(-1, profile.dimension)
        self.pending: Pending | None = None
        self.next_id = 1
        self.archived = 0

    @property
    def total_memories(self) -> int:
        """Hot and archived."""
        return len(self.memories) + self.archived

    @property
    def nbytes(self) -> int:
        """Bytes that a session takes: memories, vectors of state and drift, the pending question,
        policy vectors twice."""
        pending = 0 if self.pending is None else len(self.pending.text.encode())
        vectors = self.state.mean.nbytes + self.drift.rows.nbytes + 2 * self.policies.nbytes
        return self.memories.nbytes + vectors + pending

    def apply(self, event: Event) -> None:
        match event:
            case Turn():
                self._apply_turn(event)
            case Created():
                raise ValueError("a session is created once")
            case _:
                assert_never(event)
        self.seq += 1
        self.used_at = event.at

    def _apply_turn(self, turn: Turn) -> None:
        for record in turn.returned:
            self.memories.add(record, Tier.SHORT_TERM)
            self.archived -= 1
        for access in turn.accessed:
            self.memories.touch(access)
        for learnt in turn.learnt:
            self._learn(learnt, turn)
        for move in turn.moves:
            self.memories.move(move)
            self.archived += move.tier is Tier.ARCHIVE
        if turn.reset:
            self.drift = drift.restart(self.drift)
        for heard in turn.heard:
            self._hear(heard, turn)

    def _learn(self, learnt: Learnt, turn: Turn) -> None:
        question = self.pending if learnt.asked else None
        response = None if learnt.answer is None else turn.heard[learnt.answer]
        if question is not None:
            self.pending = None
        x = learnt_vector(question, response, learnt.scale)
        self.state.apply(learnt.update, x)
        if learnt.reinforces:
            self.memories.reinforce(learnt.memory_id, learnt.importance, turn.at)
            return
        self.next_id = learnt.memory_id + 1
        self.memories.add(
            MemoryRecord(
                id=learnt.memory_id,
                hash=learnt.hash,
                fold=learnt.fold,
                question=text_of(question),
                response=text_of(response),
                vector=packed(x),
                question_vector=question.vector if question and response else None,
                created=turn.at,
                last_access=turn.at,
                access_count=0,
                importance=learnt.importance,
                nearest=learnt.nearest,
            ),
            Tier.SHORT_TERM,
        )

    def _hear(self, heard: Heard, turn: Turn) -> None:
        self.drift = drift.advance(self.drift, heard.step, unpacked(heard.vector))
        if heard.step.detected and self.profile.topic_switch:
            self.state.switch(turn.at, heard.step.score, turn.boost)
        if heard.asks:
            self.pending = Pending(heard.text, heard.vector)


def learnt_vector(question: Pending | None, response: Heard | None, scale: float) -> Vector:
    """x_t: the embedding of the one, or the normalised mean of both; shape (d,), unit length."""
    vectors = [unpacked(part.vector) for part in (question, response) if part is not None]
    return vectors[0] if len(vectors) == 1 else blend(vectors[0], vectors[1], scale)
