"""Causal detection of topic switches in a stream of unit vectors and their texts.

An input is a switch if the evidence outweighs ALARM: it is less similar to the last inputs than its
closeness to the whole session predicts, its words are new, and none of them refers back. It must
also be unusual for the session; the more even the session, the stricter. A cumulative test on the
distance from the segment's opening finds a gradual slide that no single input shows. Figures and
alternatives: docs/drift.md.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

from msgspec.structs import replace

from semvec.session.drift import FADING, FORGETTING, DriftPhase, DriftState, Levels, Step
from semvec.session.lexical_cues import Cues, Stems
from semvec.vectors import Vector

SESSION_PRIOR = 2.0
OPENING_INPUTS = 4

PRIOR_INPUTS = 8
SLOWEST_GAIN = 0.01
LATELY_GAIN = 0.3

CLOSENESS_SHARE = 0.8
LATELY_SHARE = 0.4
USUAL_FRESHNESS = 0.45
FAMILIAR = 0.55
EVENNESS = 0.15

SLACK = 0.2
SLIDE_LIMIT = 0.5
SLIDE_SPREAD = 0.125

SHIFTING_SCORE = 0.3
DRIFTED_SCORE = 0.5
HYSTERESIS = 0.1


class DriftEvidence(NamedTuple):
    """Evidence for a switch; a negative weight counts against it.

    `novelty` is how much less similar the input is than expected, `fresh` the share of its stems
    that are new to the session, `fresh_question` the same if the input asks, else 0. `referring` is
    the share of words that refer back, `answering` is 1 after a question, `closing` 1 if the input
    closes a subject.
    """

    novelty: float
    fresh: float
    fresh_question: float
    referring: float
    answering: float
    closing: float


WEIGHTS = DriftEvidence(10.0, 2.0, 0.5, -5.0, -1.0, -2.0)
"""Log-odds, rounded from logistic regressions; `python -m bench.drift` repeats them."""
ALARM = 1.2


@dataclass(frozen=True, slots=True)
class Nearness:
    """An input's products with the rows, and the measures derived from them.

    `similarity` to the last inputs, `closeness` to the whole session, `distance` from the segment's
    opening; `context` and `opening` are the products with those rows.
    """

    similarity: float
    closeness: float
    distance: float
    context: float
    opening: float

    @classmethod
    def of(cls, state: DriftState, x: Vector) -> "Nearness":
        last = state.levels
        previous, before, context, session, opening = (state.rows @ x).tolist()
        return cls(
            similarity=(max(previous, before) + _cosine(context, last.context_square)) / 2,
            closeness=session / (last.weight + SESSION_PRIOR),
            distance=1.0 - _cosine(opening, last.opening_square),
            context=context,
            opening=opening,
        )


def evidence(state: DriftState, near: Nearness, said: Cues) -> DriftEvidence:
    last = state.levels
    expected = CLOSENESS_SHARE * near.closeness + LATELY_SHARE * last.lately
    fresh = _freshness(said, state.heard)
    return DriftEvidence(
        novelty=min(expected, FAMILIAR) - near.similarity,
        fresh=fresh,
        fresh_question=fresh if said.asks else 0.0,
        referring=said.referring,
        answering=float(last.questioned),
        closing=float(said.closes),
    )


def observe(state: DriftState, x: Vector, said: Cues) -> Step:
    """Score the unit vector `x`, shape (d,), with its text's cues; the state stays unchanged."""
    last = state.levels
    stems = said.stems.astype("<u4", copy=False).tobytes()
    near = Nearness.of(state, x)
    if last.segment == 0:
        return Step(levels=_first(last, said), stems=stems)
    shown = evidence(state, near, said)
    weighed = sum(weight * part for weight, part in zip(WEIGHTS, shown, strict=True)) - ALARM
    unusual = last.similarity + last.deviation - EVENNESS - near.similarity
    slide = max(0.0, last.slide + near.distance - last.distance - SLACK)
    surprise = max(min(weighed, WEIGHTS.novelty * unusual), (slide - SLIDE_LIMIT) / SLIDE_SPREAD)
    score = 1.0 / (1.0 + math.exp(-surprise))
    detected = score >= DRIFTED_SCORE
    opens = last.segment < OPENING_INPUTS
    grown = last.opening_square + (2.0 * near.opening + 1.0 if opens else 0.0)
    gain = max(SLOWEST_GAIN, 1.0 / (last.inputs + PRIOR_INPUTS))
    levels = Levels(
        segment=1 if detected else last.segment + 1,
        inputs=last.inputs + 1,
        weight=FORGETTING * last.weight + 1.0,
        similarity=last.similarity + gain * (near.similarity - last.similarity),
        deviation=last.deviation + gain * (abs(near.similarity - last.lately) - last.deviation),
        distance=last.distance + gain * (near.distance - last.distance),
        lately=last.lately + LATELY_GAIN * (near.similarity - last.lately),
        slide=0.0 if detected else slide,
        context_square=1.0 + FADING * (2.0 * near.context + FADING * last.context_square),
        opening_square=1.0 if detected else grown,
        opens=opens,
        questioned=said.questions,
    )
    return Step(score, _phase(state.phase, score), detected, levels, stems)


def _first(last: Levels, said: Cues) -> Levels:
    """Return the levels after the first input of a segment."""
    return replace(
        last,
        segment=1,
        inputs=last.inputs + 1,
        weight=FORGETTING * last.weight + 1.0,
        context_square=1.0,
        opening_square=1.0,
        questioned=said.questions,
    )


def _freshness(said: Cues, heard: Stems) -> float:
    """Return the share of new stems; without stems, a neutral value."""
    if said.wordless:
        return USUAL_FRESHNESS
    known = (said.stems[:, None] == heard).any(axis=1).sum()
    return float((len(said.stems) - known) / (len(said.stems) + 1))


def _cosine(product: float, square: float) -> float:
    """Return the cosine to a vector of this squared length, clipped to [-1, 1] against rounding."""
    return min(1.0, max(-1.0, product / math.sqrt(square))) if square > 1e-6 else 0.0


def _phase(last: DriftPhase, score: float) -> DriftPhase:
    """Return the phase: it is entered at its threshold and left HYSTERESIS below it."""
    if score >= DRIFTED_SCORE or (last == "drifted" and score >= DRIFTED_SCORE - HYSTERESIS):
        return "drifted"
    if score >= SHIFTING_SCORE or (last != "stable" and score >= SHIFTING_SCORE - HYSTERESIS):
        return "shifting"
    return "stable"
