"""The semantic state: an exponentially weighted mean of learnt vectors, and its phase."""

from collections import deque
from copy import copy
from dataclasses import dataclass
from math import sqrt
from typing import Literal

import msgspec
import numpy as np
import numpy.typing as npt

from semvec.session.anchors import DRIFT_THRESHOLD, AnchorSet
from semvec.session.bounds import CosineField, Share
from semvec.vectors import Vector

SessionPhase = Literal["initialization", "exploration", "convergence", "resonance", "divergence"]

HISTORY = 20
BASE_GAIN = 0.05
BOOSTED_GAIN = 0.2
BOOST_UPDATES = 5

WARM_UP = 10
"""Updates before the first phase can end."""
PHASE_PATIENCE = 3
"""Consecutive updates that must call for another phase before it changes."""
RISING = 0.25
STATE_ROUNDING = 1e-6
"""Deviation below which similarities count as equal."""
SCATTERED, FOCUSED = 0.45, 0.6
"""Mean resultant lengths below and above which the conversation counts as scattered and as
focused."""


REALIGNING_PATIENCE = 3
"""Consecutive updates far from every anchor that start a realignment."""
REALIGNING_UPDATES = 5
PULL = 0.1
"""Share by which one update of a realignment moves the state to an anchor of weight 1."""


class Update(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """The decided effect of one learnt memory on the state; applying it only stores.

    `pull` is the share by which the state then moves to the anchor with the index `anchor`.
    `astray` counts consecutive updates that ended far from every anchor, `realigning` the remaining
    updates of a realignment.
    """

    beta: Share
    similarity: CosineField
    signal: CosineField
    norm: Share
    phase: SessionPhase
    candidate: SessionPhase
    patience: int
    pull: Share = 0.0
    anchor: int = 0
    astray: int = 0
    realigning: int = 0


@dataclass(frozen=True, slots=True)
class TopicSwitch:
    """One change of subject."""

    interaction_count: int
    """Updates of the state before it."""
    at: float
    """When, in seconds since 1970."""
    score: float
    """From 0 to 1: how surely the subject has changed."""


class State:
    """s_t, its phase and its histories; changed only by `apply` and the methods for moves and
    switches."""

    def __init__(self, dimension: int, template: Vector | None = None) -> None:
        self.mean: npt.NDArray[np.float64] = np.zeros(dimension)
        self.interaction_count = 0
        self.prior_weight = 0
        if template is not None:
            self.mean += template
            self.prior_weight = 1
        self.boost_remaining = 0
        self.updates = deque[Update](maxlen=HISTORY)
        self.switches = deque[TopicSwitch](maxlen=HISTORY)

    @property
    def phase(self) -> SessionPhase:
        return self.updates[-1].phase if self.updates else "initialization"

    @property
    def realignment_remaining(self) -> int:
        """Updates that will still pull the state to its nearest anchor."""
        return self.updates[-1].realigning if self.updates else 0

    def direction(self) -> Vector | None:
        """Return u_t, unit length, shape (d,); None while the mean is zero."""
        return direction_of(self.mean)

    def decide(self, x: Vector, anchors: AnchorSet | None = None) -> Update:
        """Decide the update for learning the unit vector `x`, shape (d,)."""
        t = self.interaction_count + 1
        beta = max(BASE_GAIN, 1.0 / (t + self.prior_weight))
        if self.boost_remaining:
            beta = max(beta, BOOSTED_GAIN)
        direction = self.direction()
        similarity = 0.0 if t == 1 or direction is None else cosine(x, direction)
        moved = interpolate(self.mean, x, beta)
        pull, anchor, astray, realigning = 0.0, 0, 0, 0
        if anchors:
            if self.realignment_remaining:
                _, anchor = anchors.nearest(direction_of(moved))
                pull = min(1.0, PULL * float(anchors.weights[anchor]))
                moved = interpolate(moved, anchors.vectors[anchor], pull)
            astray, realigning = self._strayed(anchors.nearest(direction_of(moved))[0])
        norm = min(1.0, float(np.sqrt(moved @ moved)))
        before = [each.similarity for each in self.updates]
        signal = trend([*before, similarity][-HISTORY:])
        candidate = wanted_phase(t, norm, signal) or self.phase
        last = self.updates[-1] if self.updates else None
        patience = last.patience + 1 if last is not None and last.candidate == candidate else 1
        patient = patience >= PHASE_PATIENCE or self.phase == "initialization"
        phase = candidate if patient else self.phase
        return Update(
            beta=beta,
            similarity=similarity,
            signal=signal,
            norm=norm,
            phase=phase,
            candidate=candidate,
            patience=patience,
            pull=pull,
            anchor=anchor,
            astray=astray,
            realigning=realigning,
        )

    def apply(self, update: Update, x: Vector, anchors: AnchorSet | None = None) -> None:
        self.mean = updated(self.mean, update, x, anchors)
        self.interaction_count += 1
        self.boost_remaining = max(0, self.boost_remaining - 1)
        self.updates.append(update)

    def after(self, update: Update, x: Vector, anchors: AnchorSet | None = None) -> "State":
        """Return a copy with the update applied."""
        state = copy(self)
        state.updates = self.updates.copy()
        state.apply(update, x, anchors)
        return state

    def switch(self, at: float, score: float, boost: int) -> None:
        """Record a change of subject; the next `boost` updates get a larger gain."""
        self.boost_remaining = boost
        self.switches.append(TopicSwitch(self.interaction_count, at, score))

    def move(self, toward: Vector, share: float, *, prior: bool) -> None:
        """Move this share of the way to a vector; with `prior`, it is the state's initial value."""
        self.mean = interpolate(self.mean, toward, share)
        if prior:
            self.prior_weight = 1

    def _strayed(self, score: float) -> tuple[int, int]:
        """Return `astray` and `realigning` after an update that ends at this cosine to an
        anchor."""
        last = self.updates[-1] if self.updates else None
        astray = 1 + (last.astray if last is not None else 0) if score < DRIFT_THRESHOLD else 0
        realigning = max(0, self.realignment_remaining - 1)
        if astray >= REALIGNING_PATIENCE and not realigning:
            realigning = REALIGNING_UPDATES
        return astray, realigning


def direction_of(mean: npt.NDArray[np.float64]) -> Vector | None:
    """Return the unit vector along `mean`, shape (d,); None for a zero mean."""
    norm = float(np.sqrt(mean @ mean))
    return (mean / norm).astype(np.float32) if norm > 1e-12 else None


def interpolate(
    mean: npt.NDArray[np.float64], toward: Vector, share: float
) -> npt.NDArray[np.float64]:
    """Move `mean` this share of the way to `toward`, elementwise; shapes (d,)."""
    return (1.0 - share) * mean + share * toward.astype(np.float64)


def updated(
    mean: npt.NDArray[np.float64], update: Update, x: Vector, anchors: AnchorSet | None = None
) -> npt.NDArray[np.float64]:
    """Return `mean` after an update by the unit vector `x`; shapes (d,)."""
    mean = interpolate(mean, x, update.beta)
    if update.pull and anchors:
        mean = interpolate(mean, anchors.vectors[update.anchor], update.pull)
    return mean


def cosine(x: Vector, y: Vector) -> float:
    """Return the dot product of two unit vectors, clipped to [-1, 1]."""
    return max(-1.0, min(1.0, float(x @ y)))


def trend(similarities: list[float]) -> float:
    """Compare recent with usual similarity, in standard deviations, clipped to [-1, 1].

    Mean of the last 5 minus mean of all, over the deviation of all; 0 before 5 values.
    """
    if len(similarities) < 5:
        return 0.0
    mean = sum(similarities) / len(similarities)
    deviation = sqrt(sum((value - mean) ** 2 for value in similarities) / len(similarities))
    if deviation < STATE_ROUNDING:
        return 0.0
    return max(-1.0, min(1.0, (sum(similarities[-5:]) / 5 - mean) / deviation))


def wanted_phase(t: int, norm: float, signal: float) -> SessionPhase | None:
    """Return the phase that update `t` calls for; None if no rule fits."""
    if t <= WARM_UP:
        return "initialization"
    if signal > RISING:
        return "convergence"
    if signal < -RISING:
        return "divergence"
    if norm >= FOCUSED:
        return "resonance"
    if norm < SCATTERED:
        return "exploration"
    return None
