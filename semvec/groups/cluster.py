"""The aggregate vector of a cluster's members."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from semvec.kernels.numpy_ import attention_means, normalised, weighted_means
from semvec.kernels.protocol import Counts, Groups, QuantisedRows
from semvec.vectors import Vector

Mode = Literal["weighted_average", "attention"]

TEMPERATURE = 0.1


@dataclass(frozen=True, slots=True, eq=False)
class ClusterStates:
    """g clusters of one dimension, and the states of all their members.

    `states`, shape (t, d), float32, are s of each member, `updates`, shape (t,), their numbers of
    updates. `groups` maps clusters to rows. `queries`, shape (g, d), are the states of the backing
    sessions; `attends`, shape (g,), is true for the mode attention.
    """

    states: Vector
    updates: Counts
    groups: Groups
    queries: Vector
    attends: npt.NDArray[np.bool_]


def aggregates(gathered: ClusterStates) -> Vector:
    """Return the aggregate of each cluster, shape (g, d): a unit vector, or zeros if there is no
    direction."""
    found = np.zeros((len(gathered.groups), gathered.states.shape[1]), np.float32)
    rows = QuantisedRows(gathered.states, unit_lengths(gathered.states))
    weighed, attending = np.nonzero(~gathered.attends)[0], np.nonzero(gathered.attends)[0]
    if len(weighed):
        groups = chosen(gathered.groups, weighed)
        weights = gathered.updates[groups.members].astype(np.float32)
        found[weighed] = weighted_means(rows, groups, weights)
    if len(attending):
        queries = normalised(gathered.queries[attending])
        groups = chosen(gathered.groups, attending)
        found[attending] = attention_means(queries, rows, groups, TEMPERATURE)
    return directions(found)


def unit_lengths(states: Vector) -> Vector:
    """Return the factors that scale each row, shape (t, d), to unit length, shape (t,); 0 for zero
    rows."""
    lengths = np.sqrt(np.einsum("ij,ij->i", states, states))
    found: Vector = np.divide(
        np.float32(1.0), lengths, out=np.zeros_like(lengths), where=lengths > 1e-12
    )
    return found


def chosen(groups: Groups, which: Counts) -> Groups:
    """Select some of the groups, in this order."""
    if len(which) == len(groups):
        return groups
    parts = [groups.members[groups.offsets[g] : groups.offsets[g + 1]] for g in which]
    lengths = [len(part) for part in parts]
    return Groups(np.concatenate(parts), np.append(0, np.cumsum(lengths)))


def directions(sums: Vector) -> Vector:
    """Scale rows, shape (n, d), to unit length; zeros if only rounding is left."""
    lengths = np.linalg.norm(sums, axis=1, keepdims=True)
    found: Vector = np.where(lengths > 1e-6, normalised(sums), np.float32(0.0))
    return found
