"""What sessions pass on to each other, what they agree on, and how far each is trusted."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import fsum

import numpy as np
import numpy.typing as npt

from semvec.vectors import UNIT_ROUNDING, Vector

AGREEING = 0.5
"""Cosine to a proposal from which a voter is for it."""
MOST_VOTERS = 1000


@dataclass(frozen=True, slots=True)
class Reputation:
    """How often a session was on the side of the outcome, and how often on the other."""

    won: int = 0
    lost: int = 0

    @property
    def trust(self) -> float:
        """The mean of a Beta distribution that starts uniform."""
        return (self.won + 1) / (self.won + self.lost + 2)

    def after(self, *, right: bool) -> "Reputation":
        return Reputation(self.won + right, self.lost + (not right))


@dataclass(frozen=True, slots=True)
class Poll:
    """`agreed` says of each voter, in order, whether it was for the proposal."""

    accepted: bool
    agreed: tuple[bool, ...]

    @property
    def right(self) -> tuple[bool, ...]:
        """Of each voter, whether the outcome is what it was for."""
        return tuple(each is self.accepted for each in self.agreed)


def poll(directions: Vector, target: Vector, voters: Sequence[Reputation]) -> Poll:
    """A vote on the unit vector `target`, shape (d,), accepted by two thirds of the trust.

    `directions`, shape (n, d), are those of the voters, unit length or zero. Without voters
    nothing is accepted.
    """
    cosines = directions @ target
    agreed = tuple((cosines >= AGREEING - UNIT_ROUNDING).tolist())
    trust = [each.trust for each in voters]
    behind = fsum(share for share, agrees in zip(trust, agreed, strict=True) if agrees)
    return Poll(bool(voters) and 3.0 * behind >= 2.0 * fsum(trust) * (1.0 - UNIT_ROUNDING), agreed)


def transfer_delta(max_weight: float, source: Reputation) -> float:
    """The share of a transfer: no more than the caller allows, nor than the source is trusted."""
    return min(max_weight, source.trust)


def delta_norm(source: Vector, target: npt.NDArray[np.float64], share: float) -> float:
    """How far a transfer moves the target's mean; both of shape (d,)."""
    delta = share * (source.astype(np.float64) - target)
    return float(np.sqrt(delta @ delta))
