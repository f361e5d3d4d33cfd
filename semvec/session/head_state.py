"""The state that a session's head shows, now or after an event, and plans to change it."""

from dataclasses import dataclass
from typing import assert_never

import numpy as np
import numpy.typing as npt

from semvec.session import drift
from semvec.session.events import (
    Consolidated,
    MemoryWrite,
    QuarantinedItem,
    SessionCreated,
    SessionEvent,
    StateMoved,
    StateUpdated,
    Turn,
)
from semvec.session.session import Session, learnt_vector
from semvec.session.state import SessionPhase, interpolate, updated
from semvec.vectors import Vector, packed, unpacked

Mean = npt.NDArray[np.float64]


def plan_move(interaction_count: int, toward: Vector, share: float, at: float) -> StateMoved:
    """Plan a move of the state towards a vector of at most unit length. Before the first update it
    sets the initial value."""
    return StateMoved(at, packed(toward), share, prior=interaction_count == 0)


def plan_update(session: Session, x: Vector, at: float) -> StateUpdated:
    """Plan one update of the session by the unit vector `x`, shape (d,)."""
    return StateUpdated(at, packed(x), session.state.decide(x, session.anchors))


@dataclass(frozen=True, slots=True)
class HeadState:
    """The part of a session that its head shows: its mean, shape (d,), and both phases."""

    mean: Mean
    phase: SessionPhase
    drift_phase: drift.DriftPhase


def head_state(session: Session) -> HeadState:
    return HeadState(session.state.mean, session.state.phase, session.drift.phase)


def head_state_after(session: Session, event: SessionEvent) -> HeadState:
    """Return the head state after the event."""
    phase, drift_phase = session.state.phase, session.drift.phase
    if isinstance(event, StateUpdated):
        phase = event.update.phase
    if isinstance(event, Turn):
        updates = [each.update for each in event.learnt if each.update is not None]
        phase = updates[-1].phase if updates else phase
        if event.heard:
            drift_phase = event.heard[-1].step.phase
        elif event.reset:
            drift_phase = "stable"
    return HeadState(mean_after(session, event), phase, drift_phase)


def mean_after(session: Session, event: SessionEvent) -> Mean:
    """Return the mean, shape (d,), after the event."""
    mean, anchors = session.state.mean, session.anchors
    match event:
        case Turn():
            for learnt in event.learnt:
                if learnt.update is not None:
                    mean = updated(mean, learnt.update, _learnt(session, event, learnt), anchors)
            return mean
        case StateMoved():
            return interpolate(mean, unpacked(event.toward), event.share)
        case StateUpdated():
            return updated(mean, event.update, unpacked(event.vector), anchors)
        case Consolidated() | SessionCreated():
            return mean
        case _:
            assert_never(event)


def _learnt(session: Session, turn: Turn, learnt: MemoryWrite) -> Vector:
    if learnt.held:
        return unpacked(_held(session, turn, learnt.held).vector)
    return learnt_vector(*session.halves(learnt, turn), learnt.scale)


def _held(session: Session, turn: Turn, held: int) -> QuarantinedItem:
    """Return a quarantined item, from the session or from the same turn."""
    if held in session.quarantine.items:
        return session.quarantine.items[held]
    return next(
        each for each in turn.added if isinstance(each, QuarantinedItem) and each.id == held
    )
