"""The state of a session as others steer it, and as it will be."""

from dataclasses import dataclass
from typing import assert_never

import numpy as np
import numpy.typing as npt

from semvec.session import drift
from semvec.session.events import (
    Advised,
    Consolidated,
    Created,
    Event,
    Held,
    Learnt,
    Moved,
    Turn,
)
from semvec.session.session import Session, learnt_vector
from semvec.session.state import Phase, pulled, updated
from semvec.vectors import Vector, packed, unpacked

Mean = npt.NDArray[np.float64]


def moved(interaction_count: int, toward: Vector, share: float, at: float) -> Moved:
    """What brings a state after so many updates nearer to a vector of at most unit length."""
    return Moved(at, packed(toward), share, prior=interaction_count == 0)


def advised(session: Session, x: Vector, at: float) -> Advised:
    """One update of the session by the unit vector `x`, shape (d,)."""
    return Advised(at, packed(x), session.state.decide(x, session.anchors))


@dataclass(frozen=True, slots=True)
class Outlook:
    """What is seen of a session from outside: its state, shape (d,), and where its talk stands."""

    mean: Mean
    phase: Phase
    drift_phase: drift.Phase


def outlook(session: Session) -> Outlook:
    return Outlook(session.state.mean, session.state.phase, session.drift.phase)


def outlook_after(session: Session, event: Event) -> Outlook:
    """That of the session once the event is applied."""
    phase, drift_phase = session.state.phase, session.drift.phase
    if isinstance(event, Advised):
        phase = event.update.phase
    if isinstance(event, Turn):
        updates = [each.update for each in event.learnt if each.update is not None]
        phase = updates[-1].phase if updates else phase
        if event.heard:
            drift_phase = event.heard[-1].step.phase
        elif event.reset:
            drift_phase = "stable"
    return Outlook(mean_after(session, event), phase, drift_phase)


def mean_after(session: Session, event: Event) -> Mean:
    """The state, shape (d,), as it will be once the event is applied."""
    mean, anchors = session.state.mean, session.anchors
    match event:
        case Turn():
            for learnt in event.learnt:
                if learnt.update is not None:
                    mean = updated(mean, learnt.update, _learnt(session, event, learnt), anchors)
            return mean
        case Moved():
            return pulled(mean, unpacked(event.toward), event.share)
        case Advised():
            return updated(mean, event.update, unpacked(event.vector), anchors)
        case Consolidated() | Created():
            return mean
        case _:
            assert_never(event)


def _learnt(session: Session, turn: Turn, learnt: Learnt) -> Vector:
    if learnt.held:
        return unpacked(_held(session, turn, learnt.held).vector)
    return learnt_vector(*session.halves(learnt, turn), learnt.scale)


def _held(session: Session, turn: Turn, held: int) -> Held:
    """What is set aside, by now or with the same turn."""
    if held in session.quarantine.items:
        return session.quarantine.items[held]
    return next(each for each in turn.added if isinstance(each, Held) and each.id == held)
