"""One session: the result of applying its events in order."""

from collections.abc import Iterable, Iterator
from itertools import takewhile
from typing import TypeAlias, assert_never

import msgspec

from semvec.kernels.pages import VectorPools
from semvec.session import drift
from semvec.session.anchors import AnchorSet
from semvec.session.events import (
    Anchor,
    Component,
    Consolidated,
    Entity,
    Input,
    Isolation,
    MemoryRecord,
    MemoryTier,
    MemoryWrite,
    Profile,
    QuarantinedItem,
    SessionCreated,
    SessionEvent,
    StateMoved,
    StateUpdated,
    Trigger,
    Turn,
)
from semvec.session.isolation import IsolationPolicy, Quarantine
from semvec.session.literals import Literals
from semvec.session.memory import Memories, text_of
from semvec.session.memory_accounting import SESSION_BYTES, text_bytes
from semvec.session.state import State
from semvec.session.triggers import TriggerSet
from semvec.vectors import Vector, blend, codes, unpacked


class Pending(msgspec.Struct, frozen=True, gc=False):
    """A question that waits for its answer; `held` is the id of its quarantined item, if it has
    one."""

    text: str
    vector: bytes
    tokens: bytes | None = None
    held: int = 0

    @property
    def nbytes(self) -> int:
        return text_bytes(self.text) + len(self.vector) + len(self.tokens or b"")


PendingQuestion: TypeAlias = Pending | Input
"""The question of a memory: pending from an earlier turn, or an input of the same turn."""


class Session:
    """State, drift, memories and components after `seq` events; changed only by `apply`.

    The vectors of memories are in `planes`, by default in arrays of the session's own.
    """

    def __init__(self, created: SessionCreated, planes: VectorPools | None = None) -> None:
        profile = created.profile
        self.profile: Profile = profile
        self.created_at = created.at
        self.used_at = created.at
        self.seq = 1
        template = None if profile.template is None else unpacked(profile.template)
        self.state = State(profile.dimension, template)
        self.drift = drift.DriftState.initial(profile.dimension)
        self.memories = Memories(
            profile.dimension, profile.long_term, profile.token_dimension, planes
        )
        self.pending: Pending | None = None
        self.next_id = 1
        self.archived = 0
        self.triggers = TriggerSet(profile.dimension)
        self.anchors = AnchorSet(profile.dimension)
        for policy in profile.policies:
            self.anchors.add(unpacked(policy.vector), policy.weight)
        self.anchors_set: list[Anchor] = []
        self.guard = IsolationPolicy(profile.dimension)
        self.quarantine = Quarantine()
        self.literals = Literals()
        self.next_piece = 1

    @property
    def total_memories(self) -> int:
        """Number of memories, cached and archived."""
        return len(self.memories) + self.archived

    @property
    def open_question(self) -> Pending | None:
        """The question that waits for its answer, unless isolation withholds it."""
        pending = self.pending
        if pending is None or pending.held or self.guard.withholds(unpacked(pending.vector)):
            return None
        return pending

    @property
    def nbytes(self) -> int:
        """Bytes of the session with all its memories and components."""
        pending = 0 if self.pending is None else self.pending.nbytes
        vectors = self.state.mean.nbytes + self.drift.nbytes
        controls = self.anchors.nbytes + self.guard.nbytes
        aside = self.quarantine.nbytes + self.literals.nbytes + self.triggers.nbytes
        return SESSION_BYTES + self.memories.nbytes + vectors + pending + controls + aside

    def apply(self, event: SessionEvent) -> None:
        match event:
            case Turn():
                self._apply_turn(event)
            case Consolidated():
                for verdict in event.verdicts:
                    self.memories.judge(verdict)
            case StateMoved():
                self.state.move(unpacked(event.toward), event.share, prior=event.prior)
            case StateUpdated():
                self.state.apply(event.update, unpacked(event.vector), self.anchors)
            case SessionCreated():
                raise ValueError("a session is created once")
            case _:
                assert_never(event)
        self.seq += 1

    def pieces_from(self, piece_id: int) -> Iterator[Component]:
        """Yield the components with this id or a higher one, by kind."""
        setting = self.guard.setting
        kinds: tuple[Iterable[Component], ...] = (
            reversed(self.triggers),
            reversed(self.anchors_set),
            [setting] if setting.id else [],
            reversed(self.quarantine.items.values()),
            reversed(self.literals),
        )
        for pieces in kinds:
            yield from takewhile(lambda piece: piece.id >= piece_id, pieces)

    def add(self, piece: Component) -> None:
        """Add a component from an event or a snapshot."""
        match piece:
            case Trigger():
                self.triggers.add(piece)
            case Anchor():
                self.anchors.add(unpacked(piece.vector))
                self.anchors_set.append(piece)
            case Isolation():
                self.guard = IsolationPolicy(self.profile.dimension, piece)
            case QuarantinedItem():
                self.quarantine.add(piece)
            case Entity():
                self.literals.put(piece)
            case _:
                assert_never(piece)
        self.next_piece = max(self.next_piece, piece.id + 1)

    def _remove(self, piece_id: int) -> None:
        if piece_id in self.quarantine.items:
            self.quarantine.pop(piece_id)
        elif piece_id in self.triggers:
            self.triggers.discard(piece_id)
        else:
            self.literals.discard(piece_id)

    def _apply_turn(self, turn: Turn) -> None:
        self.used_at = turn.at
        for use in turn.used:
            self.literals.use(use)
        for piece_id in turn.removed:
            self._remove(piece_id)
        for piece in turn.added:
            self.add(piece)
        for record in turn.returned:
            self.memories.add(record, MemoryTier.SHORT_TERM)
            self.archived -= 1
        for access in turn.accessed:
            self.memories.touch(access)
        for learnt in turn.learnt:
            self._learn(learnt, turn)
        for move in turn.moves:
            self.memories.move(move)
            self.archived += move.tier is MemoryTier.ARCHIVE
        if turn.reset:
            self.drift = drift.restart(self.drift)
        if turn.heard:
            self.pending = None
        for heard in turn.heard:
            self._hear(heard, turn)

    def _learn(self, learnt: MemoryWrite, turn: Turn) -> None:
        tier = MemoryTier.SHORT_TERM
        if learnt.held:
            item = self.quarantine.pop(learnt.held)
            (x, record), tier = held_record(item, learnt, turn.at), item.tier
            if self.pending is not None and self.pending.held == learnt.held:
                self.pending = None
        else:
            x, record = self._heard_record(learnt, turn)
        if learnt.update is not None:
            self.state.apply(learnt.update, x, self.anchors)
        if learnt.reinforces:
            self.memories.reinforce(learnt.memory_id, learnt.importance, turn.at)
            return
        self.next_id = learnt.memory_id + 1
        self.memories.add(record, tier)

    def _heard_record(self, learnt: MemoryWrite, turn: Turn) -> tuple[Vector, MemoryRecord]:
        question, response = self.halves(learnt, turn)
        if learnt.asked:
            self.pending = None
        x = learnt_vector(question, response, learnt.scale)
        return x, MemoryRecord(
            id=learnt.memory_id,
            hash=learnt.hash,
            fold=learnt.fold,
            question=text_of(question),
            response=text_of(response),
            vector=codes(x),
            question_vector=codes(unpacked(question.vector)) if question and response else None,
            created=turn.at,
            last_access=turn.at,
            access_count=0,
            importance=learnt.importance,
            nearest=learnt.nearest,
            tokens=learnt.tokens or joined_tokens(question, response),
        )

    def halves(
        self, learnt: MemoryWrite, turn: Turn
    ) -> tuple[PendingQuestion | None, Input | None]:
        """Return the question and the answer that a memory is made of."""
        asked = None if learnt.question is None else turn.heard[learnt.question]
        answer = None if learnt.answer is None else turn.heard[learnt.answer]
        return (self.pending if learnt.asked else asked), answer

    def _hear(self, heard: Input, turn: Turn) -> None:
        self.drift = drift.advance(self.drift, heard.step, unpacked(heard.vector))
        if heard.step.detected and self.profile.topic_switch:
            self.state.switch(turn.at, heard.step.score, turn.boost)
        if heard.asks:
            self.pending = Pending(heard.text, heard.vector, heard.tokens, heard.held)


def held_record(
    item: QuarantinedItem, learnt: MemoryWrite, at: float
) -> tuple[Vector, MemoryRecord]:
    """Return the vector and the memory of a quarantined item."""
    x, asked = unpacked(item.vector), item.question_vector
    return x, MemoryRecord(
        id=learnt.memory_id,
        hash=learnt.hash,
        fold=learnt.fold,
        question=item.question,
        response=item.response,
        vector=codes(x),
        question_vector=None if asked is None else codes(unpacked(asked)),
        created=item.at,
        last_access=at,
        access_count=item.access_count,
        importance=learnt.importance,
        nearest=learnt.nearest,
        tokens=item.tokens,
    )


def learnt_vector(question: PendingQuestion | None, response: Input | None, scale: float) -> Vector:
    """Return x_t: the embedding of the single part, or the normalised mean of both; shape (d,),
    unit length."""
    vectors = [unpacked(part.vector) for part in (question, response) if part is not None]
    return vectors[0] if len(vectors) == 1 else blend(vectors[0], vectors[1], scale)


def joined_tokens(question: PendingQuestion | None, response: Input | None) -> bytes | None:
    """Concatenate the token vectors of the parts; None if they have none."""
    parts = [part.tokens for part in (question, response) if part is not None and part.tokens]
    return b"".join(parts) or None
