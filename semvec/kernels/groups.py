"""Rows in groups, in NumPy: which of them are near each other, and what they have in common."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from semvec.kernels.checks import (
    check_groups,
    check_queries,
    check_rows,
    check_temperature,
    check_weights,
)
from semvec.kernels.protocol import Groups, HostNumbers, QuantisedRows
from semvec.kernels.rows import RowPlaces

GroupReals = npt.NDArray[Any]


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
