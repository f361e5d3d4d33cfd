"""Rules of transfer, consensus and trust between sessions."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import fsum

import numpy as np
import numpy.typing as npt

from semvec.vectors import UNIT_ROUNDING, Vector

AGREEING = 0.5
"""Least cosine to a proposal at which a voter agrees."""
MOST_VOTERS = 1000


@dataclass(frozen=True, slots=True)
class Reputation:
    """How often a session's vote matched the outcome, and how often it did not."""

    won: int = 0
    lost: int = 0

    @property
    def trust(self) -> float:
        """The mean of a Beta distribution with a uniform prior."""
        return (self.won + 1) / (self.won + self.lost + 2)

    def after(self, *, right: bool) -> "Reputation":
        return Reputation(self.won + right, self.lost + (not right))


@dataclass(frozen=True, slots=True)
class Poll:
    """The outcome of a vote; `agreed` says for each voter, in order, whether it agreed."""

    accepted: bool
    agreed: tuple[bool, ...]

    @property
    def right(self) -> tuple[bool, ...]:
        """For each voter, whether its vote matched the outcome."""
        return tuple(each is self.accepted for each in self.agreed)


def poll(directions: Vector, target: Vector, voters: Sequence[Reputation]) -> Poll:
    """Vote on the unit vector `target`, shape (d,); two thirds of the trust accept it.

    `directions`, shape (n, d), are those of the voters, unit length or zero. Without voters nothing
    is accepted.
    """
    cosines = directions @ target
    agreed = tuple((cosines >= AGREEING - UNIT_ROUNDING).tolist())
    trust = [each.trust for each in voters]
    behind = fsum(share for share, agrees in zip(trust, agreed, strict=True) if agrees)
    return Poll(bool(voters) and 3.0 * behind >= 2.0 * fsum(trust) * (1.0 - UNIT_ROUNDING), agreed)


def transfer_delta(max_weight: float, source: Reputation) -> float:
    """Return the share of a transfer: the smaller of the caller's limit and the source's trust."""
    return min(max_weight, source.trust)


def delta_norm(source: Vector, target: npt.NDArray[np.float64], share: float) -> float:
    """Return the distance that a transfer moves the target's mean; both of shape (d,)."""
    delta = share * (source.astype(np.float64) - target)
    return float(np.sqrt(delta @ delta))
