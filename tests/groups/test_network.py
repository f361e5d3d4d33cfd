"""Votes, trust and transfers against the formulas they are made of."""

from fractions import Fraction

import numpy as np
import pytest

from semvec.groups.network import Reputation, delta_norm, poll, transfer_delta
from semvec.vectors import Vector
from tests.session.conversations import unit

TARGET = np.array([1.0, 0.0], np.float32)
FOR, AGAINST = [1.0, 0.0], [0.0, 1.0]


def rows(*directions: list[float]) -> Vector:
    return np.array(directions, np.float32).reshape(-1, 2)


def test_trust_starts_at_a_half_and_follows_the_outcomes() -> None:
    fresh = Reputation()
    assert fresh.trust == 0.5
    assert fresh.after(right=True) == Reputation(1, 0)
    assert fresh.after(right=False) == Reputation(0, 1)
    assert Reputation(7, 1).trust == 0.8


@pytest.mark.parametrize(("ayes", "noes", "accepted"), [(2, 1, True), (3, 2, False), (1, 0, True)])
def test_two_thirds_of_the_trust_accept(ayes: int, noes: int, accepted: bool) -> None:
    found = poll(rows(*[FOR] * ayes, *[AGAINST] * noes), TARGET, [Reputation()] * (ayes + noes))
    assert found.accepted is accepted
    assert found.agreed == (True,) * ayes + (False,) * noes
    assert found.right == (accepted,) * ayes + (not accepted,) * noes


def test_nobody_accepts_nothing() -> None:
    assert not poll(rows(), TARGET, []).accepted


def test_a_trusted_voter_weighs_more_than_two_who_are_not() -> None:
    voters = [Reputation(8, 0), Reputation(0, 8), Reputation(0, 8)]
    assert poll(rows(FOR, AGAINST, AGAINST), TARGET, voters).accepted
    assert not poll(rows(AGAINST, FOR, FOR), TARGET, voters).accepted


def test_a_voter_agrees_from_a_cosine_of_a_half_on() -> None:
    half = [0.5, np.sqrt(0.75)]
    less = [0.4999, np.sqrt(1 - 0.4999**2)]
    voters = [Reputation()] * 3
    assert poll(rows(half, less, [0.0, 0.0]), TARGET, voters).agreed == (True, False, False)


def test_the_outcome_is_that_of_exact_arithmetic() -> None:
    chance = np.random.default_rng(5)
    for _ in range(300):
        count = int(chance.integers(1, 40))
        voters = [Reputation(*map(int, chance.integers(0, 6, 2))) for _ in range(count)]
        agrees = chance.random(count) < 0.66
        found = poll(rows(*(FOR if each else AGAINST for each in agrees)), TARGET, voters)
        trust = [Fraction(each.won + 1, each.won + each.lost + 2) for each in voters]
        behind = sum(share for share, each in zip(trust, agrees, strict=True) if each)
        assert found.accepted is (behind >= Fraction(2, 3) * sum(trust))


def test_a_transfer_is_bounded_by_the_caller_and_by_trust() -> None:
    assert transfer_delta(0.15, Reputation()) == 0.15
    assert transfer_delta(1.0, Reputation(0, 8)) == 0.1


def test_the_norm_of_a_transfer_is_the_way_the_target_goes() -> None:
    source, target = unit(1), 0.5 * unit(2).astype(np.float64)
    moved = target + 0.25 * (source - target)
    assert delta_norm(source, target, 0.25) == pytest.approx(np.linalg.norm(moved - target))
    assert delta_norm(source, source.astype(np.float64), 1.0) == 0.0
