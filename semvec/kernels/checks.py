"""What every kernel asks of its arguments, in whose words; before anything is computed."""

from typing import Any

import numpy as np

from semvec.kernels.protocol import (
    REACH_LIMIT,
    TOP_LIMIT,
    UNIT_LIMIT,
    Counts,
    DeviceArray,
    Groups,
    HostNumbers,
    MatchEvidence,
    QuantisedRows,
    Ranking,
    Runs,
    Spans,
    TokenQueries,
)

OUT_OF_ROWS = "a memory's tokens are not all among the rows"


def check_array(name: str, array: DeviceArray, kinds: str, *shape: int | None) -> None:
    """`kinds` are NumPy's letters for dtypes; None in `shape` stands for any length."""
    if not hasattr(array, "dtype") or all(array.dtype != np.dtype(kind) for kind in kinds):
        allowed = " or ".join(np.dtype(kind).name for kind in kinds)
        raise TypeError(f"{name} is {getattr(array, 'dtype', type(array))}, not {allowed}")
    sizes = tuple(array.shape)
    if len(sizes) != len(shape) or any(
        want is not None and size != want for size, want in zip(sizes, shape, strict=True)
    ):
        wanted = ", ".join("any" if want is None else str(want) for want in shape)
        raise ValueError(f"{name} has shape {sizes}, not ({wanted})")


def check_top(k: int) -> None:
    if not isinstance(k, int | np.integer):
        raise TypeError(f"k is {type(k).__name__}, not an integer")
    if not 1 <= k <= TOP_LIMIT:
        raise ValueError(f"k is {k}, not from 1 to {TOP_LIMIT}")


def check_rows(rows: QuantisedRows, kinds: str = "befd") -> None:
    check_array("values", rows.values, kinds, None, None)
    if rows.scales is not None:
        check_array("scales", rows.scales, "f", len(rows.values))


def check_queries(queries: HostNumbers, kinds: str, number: int, dimension: int) -> None:
    check_array("queries", queries, kinds, number, dimension)


def check_runs(runs: Runs, rows: int) -> None:
    check_array("starts", runs.starts, "l", None)
    check_array("lengths", runs.lengths, "l", len(runs.starts))
    _check_offsets(runs.offsets, len(runs.starts))
    ends = runs.starts + runs.lengths
    if len(ends) and (runs.starts.min() < 0 or runs.lengths.min() < 0 or ends.max() > rows):
        raise ValueError(f"a run reaches outside of the {rows} rows")


def _check_offsets(offsets: Counts, number: int, name: str = "offsets") -> None:
    check_array(name, offsets, "l", None)
    if not len(offsets) or offsets[0] != 0 or offsets[-1] != number:
        raise ValueError(f"{name} do not lead from 0 to {number}")
    if len(offsets) > 1 and np.diff(offsets).min() < 0:
        raise ValueError(f"{name} fall")


def check_questions(
    questions: TokenQueries, tokens: QuantisedRows, runs: Runs, kinds: str = "fd"
) -> None:
    check_rows(tokens, "b")
    if tokens.scales is None:
        raise TypeError("tokens have no scales")
    vectors = questions.vectors
    check_array("vectors", vectors, kinds, None, tokens.values.shape[1])
    check_array("weights", questions.weights, vectors.dtype.char, len(vectors))
    _check_offsets(questions.offsets, len(vectors))
    if len(questions) != len(runs):
        raise ValueError(f"{len(questions)} questions have {len(runs)} sets of runs")
    if len(questions) and np.diff(questions.offsets).max() > UNIT_LIMIT:
        raise ValueError(f"a question has more than {UNIT_LIMIT} units")


def check_spans(spans: Spans, runs: Runs) -> None:
    for name in ("starts", "lengths", "ids"):
        check_array(name, getattr(spans, name), "l", len(spans.starts))
    check_runs(runs, len(spans.starts))


def check_match(
    evidence: MatchEvidence, ranking: Ranking, questions: TokenQueries, runs: Runs
) -> None:
    """What `match_top` asks beside what is asked of questions and spans."""
    _check_ranking(ranking)
    if (np.diff(runs.offsets) != 1).any():
        raise ValueError("a question has not exactly one run")
    counts = runs.counts()
    _check_occurrences(evidence, questions, counts)
    for name in ("whole", "rest"):
        if getattr(evidence, name) is not None:
            check_array(name, getattr(evidence, name), "fd", int(counts.sum()))


def _check_occurrences(evidence: MatchEvidence, questions: TokenQueries, counts: Counts) -> None:
    for name in ("word_shares", "whole_shares"):
        check_array(name, getattr(evidence, name), "fd", len(questions.vectors))
    number = len(evidence.units)
    check_array("units", evidence.units, "i", None)
    check_array("memories", evidence.memories, "i", number)
    check_array("shares", evidence.shares, "fd", number)
    _check_offsets(evidence.offsets, number, "offsets of occurrences")
    if len(evidence.offsets) != len(questions) + 1:
        raise ValueError(f"occurrences are of {len(evidence.offsets) - 1} questions")
    each = np.diff(evidence.offsets)
    for name, limits in (("units", np.diff(questions.offsets)), ("memories", counts)):
        places = getattr(evidence, name)
        if number and (places.min() < 0 or (places >= np.repeat(limits, each)).any()):
            raise ValueError(f"{name} reach outside of their question")


def _check_ranking(ranking: Ranking) -> None:
    if not ranking.floor < 1.0:
        raise ValueError(f"floor is {ranking.floor}, not below 1")
    if ranking.reach > REACH_LIMIT:
        raise ValueError(f"more than {REACH_LIMIT} neighbours on a side may not answer")
    if not all(0.0 <= share <= 1.0 for share in (*ranking.after, *ranking.before)):
        raise ValueError("a neighbour's share is not from 0 to 1")


def check_written(rows: QuantisedRows, at: Counts, fresh: QuantisedRows) -> None:
    """What `write_rows` asks."""
    for each in (rows, fresh):
        check_array("values", each.values, "b", None, rows.values.shape[1])
        check_array("scales", each.scales, "f", len(each.values))
    check_array("at", at, "l", len(fresh.values))
    if len(at) and (at.min() < 0 or at.max() >= len(rows.values)):
        raise ValueError(f"a place is not among the {len(rows.values)} rows")


def check_groups(groups: Groups, rows: int) -> None:
    check_array("members", groups.members, "l", None)
    _check_offsets(groups.offsets, len(groups.members))
    if len(groups.members) and (groups.members.min() < 0 or groups.members.max() >= rows):
        raise ValueError(f"a member is not among the {rows} rows")


def check_weights(weights: Any, groups: Groups) -> None:
    check_array("weights", weights, "fd", len(groups.members))
    if len(weights) and not weights.min() >= 0.0:
        raise ValueError("a weight is below 0")


def check_temperature(temperature: float) -> None:
    if not temperature > 0.0:
        raise ValueError(f"temperature is {temperature}, not above 0")
