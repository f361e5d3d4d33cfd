"""Synthetic streams of inputs for the drift detector."""

import math

import hypothesis.extra.numpy as hnp
import numpy as np
import numpy.typing as npt
from hypothesis import strategies as st

from semvec.session.detector import observe
from semvec.session.drift import DriftState, Step, advance
from semvec.session.lexical_cues import WORDLESS, Cues
from semvec.vectors import Vector

DIMENSION = 64


def unit(vectors: npt.NDArray[np.float64]) -> Vector:
    """Rows at unit length, float32."""
    lengths: npt.NDArray[np.float64] = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return (vectors / lengths).astype(np.float32)


def around(path: npt.NDArray[np.float64], noise: float, seed: int = 7) -> Vector:
    """Unit vectors scattered about a path, shape (n, d); `noise` is their distance from it."""
    scatter = np.random.default_rng(seed).normal(size=path.shape) / math.sqrt(path.shape[1])
    return unit(path + noise * scatter)


def topics(*lengths: int, noise: float = 0.7) -> Vector:
    """Inputs about one subject after another, each at a right angle to the rest."""
    return around(np.repeat(np.eye(DIMENSION)[: len(lengths)], lengths, axis=0), noise)


def slide(before: int, length: int, after: int, noise: float) -> Vector:
    """A right angle turned in `length` equal steps."""
    angle = np.concatenate(
        [np.zeros(before), np.linspace(0, math.pi / 2, length), np.full(after, math.pi / 2)]
    )
    path = np.zeros((len(angle), DIMENSION))
    path[:, 0], path[:, 1] = np.cos(angle), np.sin(angle)
    return around(path, noise)


def heard(inputs: Vector, said: Cues = WORDLESS, state: DriftState | None = None) -> list[Step]:
    """The verdicts on inputs that all have the same cues."""
    state = state or DriftState.initial(inputs.shape[1])
    steps = []
    for x in inputs:
        steps.append(observe(state, x, said))
        state = advance(state, steps[-1], x)
    return steps


def after(inputs: Vector, said: Cues = WORDLESS) -> DriftState:
    """The state that these inputs leave."""
    state = DriftState.initial(inputs.shape[1])
    for x, step in zip(inputs, heard(inputs, said), strict=True):
        state = advance(state, step, x)
    return state


def switches(inputs: Vector) -> list[int]:
    return [i for i, step in enumerate(heard(inputs)) if step.detected]


def unit_rows() -> st.SearchStrategy[Vector]:
    """A few unit vectors of a few dimensions, as rows."""
    shapes = st.tuples(st.integers(1, 12), st.integers(1, 5))
    raw = hnp.arrays(np.float64, shapes, elements=st.floats(-1, 1, width=32))
    return raw.filter(lambda rows: bool((np.linalg.norm(rows, axis=1) > 1e-3).all())).map(unit)
