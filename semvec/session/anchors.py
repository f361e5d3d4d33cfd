"""Directions that a session is held to: what pulls its recall and, when it strays, its state."""

import numpy as np

from semvec.vectors import Vector

DRIFT_THRESHOLD = 0.5
"""Cosine to the nearest anchor below which the state has strayed."""
ANCHOR_BYTES = 110
"""Bytes that an anchor costs beside its vector, about."""


class AnchorSet:
    """Policy vectors by their weights, then anchors of weight 1 as they were set; none ever goes.

    `vectors` has shape (n, d), float32, unit length, `weights` (n,).
    """

    def __init__(self, dimension: int) -> None:
        self.vectors: Vector = np.zeros((0, dimension), np.float32)
        self.weights: Vector = np.zeros(0, np.float32)

    def __len__(self) -> int:
        return len(self.weights)

    @property
    def nbytes(self) -> int:
        """With the pieces that set them."""
        return 2 * self.vectors.nbytes + ANCHOR_BYTES * len(self)

    def add(self, vector: Vector, weight: float = 1.0) -> None:
        self.vectors = np.vstack([self.vectors, vector])
        self.weights = np.append(self.weights, np.float32(weight))

    def nearest(self, direction: Vector | None) -> tuple[float, int]:
        """The highest cosine to the unit vector, shape (d,), and where that anchor is.

        Without anchors the cosine is 1, without a direction it is 0.
        """
        if not len(self):
            return 1.0, 0
        if direction is None:
            return 0.0, 0
        cosines = self.vectors @ direction
        place = int(cosines.argmax())
        return max(-1.0, min(1.0, float(cosines[place]))), place
