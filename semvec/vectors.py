"""Embeddings as they enter: checked, converted, normalised."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from semvec.errors import Invalid

Vector = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Encoding:
    """One text as vectors.

    `vector` is the pooled embedding, shape (d,), unit length. `tokens` are the token vectors of
    the same forward pass, shape (n, d), unit length each, special tokens left out, and `token_ids`
    their vocabulary ids, shape (n,); both are None where the embedder pools alone.
    """

    vector: Vector
    tokens: Vector | None = None
    token_ids: npt.NDArray[np.int32] | None = None


def unit_vector(values: Sequence[float], dimension: int, field: str) -> Vector:
    """The L2-normalised `values`, float32, shape (dimension,).

    Raises Invalid, naming the field, for another length, a zero vector or a number that is not
    finite. Scaling by the largest component first keeps 1e300 and 1e-300 from over- and underflow.
    """
    if len(values) != dimension:
        raise Invalid.field(
            field, f"{field} has {len(values)} numbers, the session's dimension is {dimension}"
        )
    exact = np.asarray(values, dtype=np.float64)
    largest = np.abs(exact).max()
    if not np.isfinite(largest):
        raise Invalid.field(field, f"{field} holds a number that is not finite", "finite_number")
    if largest == 0.0:
        raise Invalid.field(field, f"{field} is a zero vector, which has no direction")
    scaled = exact / largest
    unit: Vector = (scaled / np.sqrt(scaled @ scaled)).astype(np.float32)
    return unit


def packed(x: Vector) -> bytes:
    """Little-endian float32 bytes, as journal and snapshots keep vectors."""
    return x.astype("<f4", copy=False).tobytes()


def unpacked(data: bytes) -> Vector:
    """The vector that was packed, shape (d,), read-only."""
    return np.frombuffer(data, "<f4").astype(np.float32, copy=False)


def blend(first: Vector, second: Vector, scale: float) -> Vector:
    """`(first + second) * scale`, elementwise in float64, as float32; shapes (d,)."""
    return ((first.astype(np.float64) + second) * scale).astype(np.float32)


def blend_scale(first: Vector, second: Vector) -> float:
    """The factor that makes `first + second` a unit vector; 0.0 where they cancel out."""
    total = first.astype(np.float64) + second
    norm = float(np.sqrt(total @ total))
    return 1.0 / norm if norm > 1e-6 else 0.0
