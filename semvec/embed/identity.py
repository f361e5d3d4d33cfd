"""Which encoder this is, told by the vectors that it gives for fixed sentences."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Self

import numpy as np

from semvec.vectors import Vector

PROBES: Final = (
    "The ferry to the island leaves at seven in the morning.",
    "She pays the electricity bill on the first of the month.",
    "def area(radius): return 3.14159 * radius ** 2",
    "Invoice 4711 of 12 March 2024 is still unpaid.",
    "Der Zug nach Hamburg hat zwanzig Minuten Verspätung.",
    "El restaurante cierra los lunes por la tarde.",
    "会議は来週の火曜日に変更されました。",
    "Penicillin was discovered by Alexander Fleming.",
)
"""Changing these makes every recorded encoder a stranger: records hold one vector for each."""

SAME_ENCODER: Final = 0.1
"""Largest difference between two runs of one encoder. Other hardware, batches or 8-bit weights
stay below 0.07; another model is near 2."""
SAME_PROBE: Final = 0.25
"""The same for the vector of a single probe, which varies more than their mean."""

SAME_TEXT = 0.001
"""The same for two vectors of what the encoder takes for one text."""


@dataclass(frozen=True, slots=True, eq=False)
class ProbeVectors:
    """Unit vectors of all probes, shape (n, d)."""

    rows: Vector

    @classmethod
    def of(cls, vectors: Sequence[Vector]) -> Self:
        return cls(np.asarray(vectors, np.float32))

    @classmethod
    def unpacked(cls, data: bytes, dimension: int) -> Self:
        return cls(np.frombuffer(data, "<f4").astype(np.float32).reshape(-1, dimension))

    def packed(self) -> bytes:
        return self.rows.astype("<f4").tobytes()

    @property
    def spread(self) -> float:
        """Mean squared distance of the probes from their centre.

        Differences are relative to it, so that an encoder which puts all texts near one direction
        is told from another one as surely as an encoder which spreads them out.
        """
        centred = self.rows - self.rows.mean(axis=0)
        return max(float((centred * centred).sum(axis=1).mean()), 1e-4)

    def difference(self, other: "ProbeVectors") -> float:
        """Mean squared distance between the vectors of the same probes, in units of the spread."""
        if self.rows.shape != other.rows.shape:
            return float("inf")
        apart = self.rows - other.rows
        return float((apart * apart).sum(axis=1).mean()) / self.spread

    def is_same_encoder(self, other: "ProbeVectors") -> bool:
        return self.difference(other) <= SAME_ENCODER

    def is_same_vector(self, one: Vector, other: Vector) -> bool:
        """Whether two vectors are one but for rounding."""
        apart = one - other
        return float(apart @ apart) / self.spread <= SAME_TEXT

    def is_same_probe(self, place: int, vector: Vector) -> bool:
        """Whether the encoder that made these can have made `vector` of the probe at `place`."""
        apart = self.rows[place] - vector
        return float(apart @ apart) / self.spread <= SAME_PROBE
