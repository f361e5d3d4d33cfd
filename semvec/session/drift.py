"""The drift detector's state of a stream of inputs, and its update.

Levels and scores are decided in `semvec.session.detector`; applying them is elementwise.
"""

from dataclasses import dataclass
from typing import Literal

import msgspec
import numpy as np

from semvec.session.lexical_cues import HEARD, Stems
from semvec.vectors import Vector, packed, unpacked

DriftPhase = Literal["stable", "shifting", "drifted"]

PREVIOUS, BEFORE, CONTEXT, SESSION, OPENING = range(5)

FADING = 0.3
FORGETTING = 0.97

MEAN_SIMILARITY = 0.38
MEAN_DEVIATION = 0.12
MEAN_DISTANCE = 0.4


class Levels(msgspec.Struct, frozen=True, gc=False):
    """The detector's measures after an input. Unknown fields are ignored, missing ones get
    defaults, so that releases can read each other.

    Running means: `similarity` and its mean `deviation`, `distance`, `lately`. Squared lengths of
    rows: `context_square`, `opening_square`. `segment` and `inputs` count inputs, `weight` sums the
    weights of the session's fading row, `slide` is the cumulative test, `questioned` is true if the
    input left a question open. `fading`, `forgetting` and `opens` say how the input enters the
    rows.
    """

    segment: int = 0
    inputs: int = 0
    weight: float = 0.0
    similarity: float = MEAN_SIMILARITY
    deviation: float = MEAN_DEVIATION
    distance: float = MEAN_DISTANCE
    lately: float = MEAN_SIMILARITY
    slide: float = 0.0
    context_square: float = 0.0
    opening_square: float = 0.0
    fading: float = FADING
    forgetting: float = FORGETTING
    opens: bool = True
    questioned: bool = False


class Step(msgspec.Struct, frozen=True, gc=False):
    """The result for one input, and the levels for the next one.

    `detected` is true for every input that opens a segment by a switch, also for two in a row.
    `stems` are the input's own, uint32, little-endian.
    """

    score: float = 0.0
    phase: DriftPhase = "stable"
    detected: bool = False
    levels: Levels = Levels()
    stems: bytes = b""


class PackedDrift(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """A state as bytes. Earlier releases stored no `heard`."""

    phase: DriftPhase
    levels: Levels
    rows: bytes
    heard: bytes = b""


@dataclass(frozen=True, slots=True, eq=False)
class DriftState:
    """The detector's state. `rows`, shape (5, d): the last two inputs, their fading sum, the slowly
    fading sum over the session, the sum that opened the segment. `heard`: the session's last
    distinct stems, at most HEARD.

    `phase` and `levels` are those of the last input.
    """

    rows: Vector
    heard: Stems
    phase: DriftPhase
    levels: Levels

    @classmethod
    def initial(cls, dimension: int) -> "DriftState":
        rows = np.zeros((5, dimension), np.float32)
        return cls(rows, np.zeros(0, np.uint32), "stable", Levels())

    @property
    def nbytes(self) -> int:
        return self.rows.nbytes + self.heard.nbytes


def advance(state: DriftState, step: Step, x: Vector) -> DriftState:
    """Return the state after `x` was observed as `step`. Elementwise, so a replay is exact."""
    rows = np.empty_like(state.rows)
    rows[PREVIOUS] = x
    rows[BEFORE] = state.rows[PREVIOUS]
    levels = step.levels
    rows[CONTEXT] = np.float32(levels.fading) * state.rows[CONTEXT] + x
    rows[SESSION] = np.float32(levels.forgetting) * state.rows[SESSION] + x
    rows[OPENING] = x if levels.segment == 1 else state.rows[OPENING]
    if levels.opens and levels.segment > 1:
        rows[OPENING] += x
    return DriftState(rows, _heard(state.heard, step.stems), step.phase, step.levels)


def restart(state: DriftState) -> DriftState:
    """Forget the segment; keep the session's running means."""
    last = state.levels
    rows = np.zeros_like(state.rows)
    rows[SESSION] = state.rows[SESSION]
    kept = Levels(
        inputs=last.inputs,
        weight=last.weight,
        similarity=last.similarity,
        deviation=last.deviation,
        distance=last.distance,
        lately=last.lately,
    )
    return DriftState(rows, state.heard, "stable", kept)


def pack(state: DriftState) -> bytes:
    heard = state.heard.astype("<u4", copy=False).tobytes()
    return msgspec.msgpack.encode(PackedDrift(state.phase, state.levels, packed(state.rows), heard))


def unpack(data: bytes) -> DriftState:
    """Decode a packed state, exact to the bit."""
    found = msgspec.msgpack.decode(data, type=PackedDrift)
    rows = unpacked(found.rows).reshape(5, -1)
    return DriftState(rows, _stems(found.heard), found.phase, found.levels)


def _stems(data: bytes) -> Stems:
    return np.frombuffer(data, "<u4").astype(np.uint32, copy=False)


def _heard(before: Stems, said: bytes) -> Stems:
    """Return the last distinct stems, the newest at the end."""
    fresh = _stems(said)
    again = (before[:, None] == fresh).any(axis=1)
    return np.concatenate([before[~again], fresh])[-HEARD:]
