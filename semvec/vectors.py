"""Embeddings on arrival: checked, converted, normalised."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from semvec.errors import Invalid
from semvec.kernels.numpy_ import normalised as normalised
from semvec.kernels.numpy_ import quantise

Vector = npt.NDArray[np.float32]

UNIT_ROUNDING = 1e-6
"""Tolerance within which two cosines of unit vectors count as equal."""


@dataclass(frozen=True, slots=True, eq=False)
class Tokens:
    """The token vectors of one text, without special tokens.

    For queries: `vectors` have shape (n, p), unit length each, and `words` are the words that the n
    tokens are part of. For memories: `kept` are the same vectors pooled to k, as bytes of int8
    codes (k, p).
    """

    vectors: Vector
    words: tuple[str, ...]
    kept: bytes


@dataclass(frozen=True, slots=True, eq=False)
class Encoding:
    """One text as vectors.

    `vector` is the pooled embedding, shape (d,), unit length; `tokens` are None if the embedder
    gives only pooled vectors.
    """

    vector: Vector
    tokens: Tokens | None = None


def unit_vector(
    values: Sequence[float], dimension: int, field: str, place: int | None = None
) -> Vector:
    """Return the L2-normalised `values`, float32, shape (dimension,).

    Raises Invalid, with the field and the index in its list, for another length, a zero vector or a
    number that is not finite. Scaling by the largest component first keeps 1e300 and 1e-300 from
    over- and underflow.
    """
    name = field if place is None else f"{field}[{place}]"
    if len(values) != dimension:
        wrong = f"{name} has {len(values)} numbers, the session's dimension is {dimension}"
        raise Invalid.field(field, wrong, place=place)
    exact = np.asarray(values, dtype=np.float64)
    largest = np.abs(exact).max()
    if not np.isfinite(largest):
        infinite = f"{name} holds a number that is not finite"
        raise Invalid.field(field, infinite, "finite_number", place=place)
    if largest == 0.0:
        zero = f"{name} is a zero vector, which has no direction"
        raise Invalid.field(field, zero, place=place)
    scaled = exact / largest
    unit: Vector = (scaled / np.sqrt(scaled @ scaled)).astype(np.float32)
    return unit


def unit_vectors(rows: Sequence[Sequence[float]], dimension: int, field: str) -> Vector:
    """Normalise each of `rows`, shape (len(rows), dimension). Raises Invalid as `unit_vector`."""
    units = [unit_vector(row, dimension, field, place) for place, row in enumerate(rows)]
    return np.array(units, np.float32).reshape(-1, dimension)


def packed(x: Vector) -> bytes:
    """Return little-endian float32 bytes, as stored in journal and snapshots."""
    return x.astype("<f4", copy=False).tobytes()


def unpacked(data: bytes) -> Vector:
    """Return the packed vector, shape (d,), read-only."""
    return np.frombuffer(data, "<f4").astype(np.float32, copy=False)


def codes(x: Vector) -> bytes:
    """Return int8 codes of the direction of `x`, shape (d,), as stored in memories."""
    return quantise(x[None]).tobytes()


def blend(first: Vector, second: Vector, scale: float) -> Vector:
    """Return `(first + second) * scale`, elementwise in float64, as float32; shapes (d,)."""
    return ((first.astype(np.float64) + second) * scale).astype(np.float32)


def blend_scale(first: Vector, second: Vector) -> float:
    """Return the factor that makes `first + second` a unit vector; 0.0 if they cancel out."""
    total = first.astype(np.float64) + second
    norm = float(np.sqrt(total @ total))
    return 1.0 / norm if norm > 1e-6 else 0.0
