"""Causal detection of topic switches in a stream of unit vectors.

An input is a switch when it is less similar to what was just said than its own closeness to the
whole session lets expect, and clearly less than is usual in this session. A cumulative test on the
distance from the segment's opening finds a slide that no single input shows. Figures and
alternatives: docs/drift.md.
"""

import math
from dataclasses import dataclass
from typing import Literal

import msgspec
import numpy as np
from msgspec.structs import replace

from semvec.vectors import Vector, packed, unpacked

Phase = Literal["stable", "shifting", "drifted"]

PREVIOUS, BEFORE, CONTEXT, SESSION, OPENING = range(5)

FADING = 0.3
FORGETTING = 0.97
SESSION_PRIOR = 2.0
OPENING_INPUTS = 4

MEAN_SIMILARITY = 0.38
MEAN_DISTANCE = 0.4
PRIOR_INPUTS = 8
SLOWEST_GAIN = 0.01
LATELY_GAIN = 0.3

FLOOR = 0.06
CLOSENESS_SHARE = 0.5
LATELY_SHARE = 0.3
MARGIN = 0.1
SPREAD = 0.05

SLACK = 0.2
SLIDE_LIMIT = 0.5
SLIDE_SPREAD = 0.125

SHIFTING_SCORE = 0.3
DRIFTED_SCORE = 0.5
HYSTERESIS = 0.1


class Levels(msgspec.Struct, frozen=True, gc=False):
    """What the detector goes by, after an input; fields of another release are ignored, or default.

    Running means: `similarity`, `distance`, `lately`. Squared lengths of rows: `context_square`,
    `opening_square`. `segment` and `inputs` count inputs, `weight` sums the weights of the
    session's fading row, `slide` is the cumulative test. `fading`, `forgetting` and `opens` are how
    the input enters the rows.
    """

    segment: int = 0
    inputs: int = 0
    weight: float = 0.0
    similarity: float = MEAN_SIMILARITY
    distance: float = MEAN_DISTANCE
    lately: float = MEAN_SIMILARITY
    slide: float = 0.0
    context_square: float = 0.0
    opening_square: float = 0.0
    fading: float = FADING
    forgetting: float = FORGETTING
    opens: bool = True


class Step(msgspec.Struct, frozen=True, gc=False):
    """The verdict on one input, and the levels that judge the next one.

    `detected` holds on every input that opens a segment by switching, also on two in a row.
    """

    score: float = 0.0
    phase: Phase = "stable"
    detected: bool = False
    levels: Levels = Levels()


@dataclass(frozen=True, slots=True, eq=False)
class DriftState:
    """`rows`, shape (5, d): the last two inputs, their fading sum, the sum over the session that
    forgets slowly, the sum that opened the segment.

    `phase` and `levels` are those of the last input.
    """

    rows: Vector
    phase: Phase
    levels: Levels

    @classmethod
    def initial(cls, dimension: int) -> "DriftState":
        return cls(np.zeros((5, dimension), np.float32), "stable", Levels())


def observe(state: DriftState, x: Vector) -> Step:
    """Judge the unit vector `x`, shape (d,), against the state; nothing is stored."""
    last = state.levels
    previous, before, context, session, opening = (state.rows @ x).tolist()
    weight = FORGETTING * last.weight + 1.0
    if last.segment == 0:
        first = replace(
            last,
            segment=1,
            inputs=last.inputs + 1,
            weight=weight,
            context_square=1.0,
            opening_square=1.0,
        )
        return Step(levels=first)
    similarity = (max(previous, before) + _cosine(context, last.context_square)) / 2
    closeness = session / (last.weight + SESSION_PRIOR)
    expected = FLOOR + CLOSENESS_SHARE * closeness + LATELY_SHARE * last.lately
    least = min(expected, last.similarity - MARGIN)
    distance = 1.0 - _cosine(opening, last.opening_square)
    slide = max(0.0, last.slide + distance - last.distance - SLACK)
    surprise = max((least - similarity) / SPREAD, (slide - SLIDE_LIMIT) / SLIDE_SPREAD)
    score = 1.0 / (1.0 + math.exp(-surprise))
    detected = score >= DRIFTED_SCORE
    opens = last.segment < OPENING_INPUTS
    grown = last.opening_square + (2.0 * opening + 1.0 if opens else 0.0)
    gain = max(SLOWEST_GAIN, 1.0 / (last.inputs + PRIOR_INPUTS))
    levels = Levels(
        segment=1 if detected else last.segment + 1,
        inputs=last.inputs + 1,
        weight=weight,
        similarity=last.similarity + gain * (similarity - last.similarity),
        distance=last.distance + gain * (distance - last.distance),
        lately=last.lately + LATELY_GAIN * (similarity - last.lately),
        slide=0.0 if detected else slide,
        context_square=1.0 + FADING * (2.0 * context + FADING * last.context_square),
        opening_square=1.0 if detected else grown,
        opens=opens,
    )
    return Step(score, _phase(state.phase, score), detected, levels)


def advance(state: DriftState, step: Step, x: Vector) -> DriftState:
    """The state after `x` was observed as `step`; elementwise, so a replay is exact."""
    rows = np.empty_like(state.rows)
    rows[PREVIOUS] = x
    rows[BEFORE] = state.rows[PREVIOUS]
    levels = step.levels
    rows[CONTEXT] = np.float32(levels.fading) * state.rows[CONTEXT] + x
    rows[SESSION] = np.float32(levels.forgetting) * state.rows[SESSION] + x
    rows[OPENING] = x if levels.segment == 1 else state.rows[OPENING]
    if levels.opens and levels.segment > 1:
        rows[OPENING] += x
    return DriftState(rows, step.phase, step.levels)


def restart(state: DriftState) -> DriftState:
    """Forget the segment, keep what is usual in this session."""
    last = state.levels
    rows = np.zeros_like(state.rows)
    rows[SESSION] = state.rows[SESSION]
    kept = Levels(
        inputs=last.inputs,
        weight=last.weight,
        similarity=last.similarity,
        distance=last.distance,
        lately=last.lately,
    )
    return DriftState(rows, "stable", kept)


def pack(state: DriftState) -> bytes:
    return msgspec.msgpack.encode((state.phase, state.levels, packed(state.rows)))


def unpack(data: bytes) -> DriftState:
    """What was packed, exact to the bit."""
    phase, levels, rows = msgspec.msgpack.decode(data, type=tuple[Phase, Levels, bytes])
    return DriftState(unpacked(rows).reshape(5, -1), phase, levels)


def _cosine(product: float, square: float) -> float:
    """Cosine to a vector of this squared length; rounding cannot push it out of [-1, 1]."""
    return min(1.0, max(-1.0, product / math.sqrt(square))) if square > 1e-6 else 0.0


def _phase(last: Phase, score: float) -> Phase:
    """A phase is entered at its threshold and left below it."""
    if score >= DRIFTED_SCORE or (last == "drifted" and score >= DRIFTED_SCORE - HYSTERESIS):
        return "drifted"
    if score >= SHIFTING_SCORE or (last != "stable" and score >= SHIFTING_SCORE - HYSTERESIS):
        return "shifting"
    return "stable"
