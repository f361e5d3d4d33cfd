"""Anchors: vectors that a session is meant to stay near. They boost retrieval and realign the
state."""

import numpy as np

from semvec.vectors import Vector

DRIFT_THRESHOLD = 0.5
"""Cosine to the nearest anchor below which the state counts as astray."""
ANCHOR_BYTES = 110
"""Approximate bytes of an anchor without its vector."""


class AnchorSet:
    """Policy vectors with their weights, then anchors of weight 1 in the order they were set. None
    is ever removed.

    `vectors` has shape (n, d), float32, unit length, `weights` (n,).
    """

    def __init__(self, dimension: int) -> None:
        self.vectors: Vector = np.zeros((0, dimension), np.float32)
        self.weights: Vector = np.zeros(0, np.float32)

    def __len__(self) -> int:
        return len(self.weights)

    @property
    def nbytes(self) -> int:
        """Bytes of the set and of the components that made it."""
        return 2 * self.vectors.nbytes + ANCHOR_BYTES * len(self)

    def add(self, vector: Vector, weight: float = 1.0) -> None:
        self.vectors = np.vstack([self.vectors, vector])
        self.weights = np.append(self.weights, np.float32(weight))

    def nearest(self, direction: Vector | None) -> tuple[float, int]:
        """Return the highest cosine to the unit vector, shape (d,), and the index of that anchor.

        Without anchors the cosine is 1, without a direction it is 0.
        """
        if not len(self):
            return 1.0, 0
        if direction is None:
            return 0.0, 0
        cosines = self.vectors @ direction
        place = int(cosines.argmax())
        return max(-1.0, min(1.0, float(cosines[place]))), place
