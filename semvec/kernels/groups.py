"""Rows in groups, in NumPy: which of them are near each other, and what they have in common."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from semvec.kernels.checks import (
    check_groups,
    check_queries,
    check_rows,
    check_runs,
    check_temperature,
    check_threshold,
    check_weights,
)
from semvec.kernels.protocol import Groups, HostNumbers, Pairs, QuantisedRows, Runs
from semvec.kernels.rows import RowPlaces, ragged_rows

SLAB = 1024
"""Rows that are compared with all others of their group at once."""

GroupReals = npt.NDArray[Any]


def near_pairs(rows: QuantisedRows, runs: Runs, threshold: float) -> Pairs:
    return _near(rows, runs, runs, threshold, triangle=True)


def near_across(rows: QuantisedRows, left: Runs, right: Runs, threshold: float) -> Pairs:
    return _near(rows, left, right, threshold, triangle=False)


def _near(rows: QuantisedRows, left: Runs, right: Runs, threshold: float, triangle: bool) -> Pairs:
    check_near(rows, left, right, threshold)
    none = np.zeros(0, np.int64)
    groups, lefts, rights, cosines = [none], [none], [none], [np.zeros(0, _wide(rows))]
    for group, (ours, theirs) in enumerate(zip(places(left), places(right), strict=True)):
        for start in range(0, len(ours), SLAB):
            slab = ours[start : start + SLAB]
            near = _numbers(rows, slab) @ _numbers(rows, theirs).T
            if triangle:
                near[np.arange(start, start + len(slab))[:, None] >= np.arange(len(theirs))] = 0.0
            here, there = np.nonzero(near >= threshold)
            groups.append(np.full(len(here), group))
            lefts.append(slab[here])
            rights.append(theirs[there])
            cosines.append(near[here, there])
    return Pairs(*map(np.concatenate, (groups, lefts, rights, cosines)))


def check_near(
    rows: QuantisedRows, left: Runs, right: Runs, threshold: float, kinds: str = "befd"
) -> None:
    check_threshold(threshold)
    check_rows(rows, kinds)
    check_runs(left, len(rows.values))
    check_runs(right, len(rows.values))
    if len(left) != len(right):
        raise ValueError(f"{len(left)} groups on the left, {len(right)} on the right")


def places(runs: Runs) -> Iterator[RowPlaces]:
    """The rows of each group, one run after the other."""
    for first, last in zip(runs.offsets[:-1], runs.offsets[1:], strict=True):
        yield ragged_rows(runs.starts[first:last], runs.lengths[first:last])[0]


def _wide(rows: QuantisedRows) -> type[np.floating[Any]]:
    return np.float64 if rows.values.dtype == np.float64 else np.float32


def _numbers(rows: QuantisedRows, at: RowPlaces) -> GroupReals:
    """What rows stand for, shape (len(at), d)."""
    wide: GroupReals = rows.values[at].astype(_wide(rows))
    if rows.scales is not None:
        wide *= rows.scales[at, None]
    return wide


def weighted_means(rows: QuantisedRows, groups: Groups, weights: HostNumbers) -> HostNumbers:
    check_rows(rows)
    check_groups(groups, len(rows.values))
    check_weights(weights, groups)
    found = np.zeros((len(groups), rows.values.shape[1]), _wide(rows))
    for group, (first, last) in enumerate(_bounds(groups)):
        total = weights[first:last].sum()
        if total > 0.0:
            shares = (weights[first:last] / total).astype(found.dtype)
            found[group] = shares @ _numbers(rows, groups.members[first:last])
    return found


def attention_means(
    queries: HostNumbers, rows: QuantisedRows, groups: Groups, temperature: float
) -> HostNumbers:
    check_rows(rows)
    check_groups(groups, len(rows.values))
    check_queries(queries, "fd", len(groups), rows.values.shape[1])
    check_temperature(temperature)
    found = np.zeros((len(groups), rows.values.shape[1]), _wide(rows))
    for group, (first, last) in enumerate(_bounds(groups)):
        if first < last:
            members = _numbers(rows, groups.members[first:last])
            found[group] = _softmax(members @ queries[group] / temperature) @ members
    return found


def _softmax(scores: GroupReals) -> GroupReals:
    powers = np.exp(scores - scores.max())
    shares: GroupReals = powers / powers.sum()
    return shares


def _bounds(groups: Groups) -> Iterator[tuple[int, int]]:
    return zip(groups.offsets[:-1], groups.offsets[1:], strict=True)
