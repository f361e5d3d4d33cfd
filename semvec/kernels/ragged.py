"""Many queries at once, each over rows of its own, in NumPy: query after query."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from semvec.kernels.checks import (
    OUT_OF_ROWS,
    check_match,
    check_queries,
    check_questions,
    check_rows,
    check_runs,
    check_spans,
    check_top,
)
from semvec.kernels.protocol import (
    HostNumbers,
    MatchEvidence,
    QuantisedRows,
    Ranking,
    Runs,
    Spans,
    TokenQueries,
    Top,
)
from semvec.kernels.rows import RowIds, RowPlaces, cosines, ragged_rows, spread, token_maxima

RaggedReals = npt.NDArray[Any]
Flags = npt.NDArray[np.bool_]


def ragged_cosines(queries: HostNumbers, rows: QuantisedRows, runs: Runs) -> HostNumbers:
    check_rows(rows)
    check_runs(runs, len(rows.values))
    check_queries(queries, "fd", len(runs), rows.values.shape[1])
    values, scales = rows.values, rows.scales
    found = [
        cosines(query[None], values[at], None if scales is None else scales[at])[0]
        for query, at in zip(queries, _places(runs), strict=True)
    ]
    return np.concatenate([np.zeros(0, queries.dtype), *found])


def _places(runs: Runs) -> Iterator[slice | RowPlaces]:
    """The rows of each query: a slice where they are one run, which copies nothing."""
    for first, last in zip(runs.offsets[:-1], runs.offsets[1:], strict=True):
        starts, lengths = runs.starts[first:last], runs.lengths[first:last]
        if last - first == 1:
            yield slice(starts[0], starts[0] + lengths[0])
        else:
            yield ragged_rows(starts, lengths)[0]


def _maxima(
    questions: TokenQueries, tokens: QuantisedRows, spans: Spans, runs: Runs
) -> Iterator[RaggedReals]:
    """The highest cosine of each unit to any token of each memory, shape (units, memories), for
    each question."""
    assert tokens.scales is not None
    for j, at in enumerate(_places(runs)):
        vectors = questions.vectors[slice(*questions.offsets[j : j + 2])]
        starts, lengths = _checked(spans, at, len(tokens.values))
        yield token_maxima(vectors, tokens.values, tokens.scales, starts, lengths)


def _checked(spans: Spans, at: slice | RowPlaces, rows: int) -> tuple[RowPlaces, RowPlaces]:
    """Starts and lengths of memories, length 0 where one is gone."""
    starts, lengths = spans.starts[at], np.where(spans.ids[at] >= 0, spans.lengths[at], 0)
    held = lengths != 0
    if (lengths < 0).any() or ((starts < 0) | (starts + lengths > rows))[held].any():
        raise ValueError(OUT_OF_ROWS)
    return starts, lengths


def match_top(
    questions: TokenQueries,
    tokens: QuantisedRows,
    spans: Spans,
    runs: Runs,
    evidence: MatchEvidence,
    ranking: Ranking,
    k: int,
) -> Top:
    check_top(k)
    check_questions(questions, tokens, runs)
    check_spans(spans, runs)
    check_match(evidence, ranking, questions, runs)
    found, ends = _maxima(questions, tokens, spans, runs), np.cumsum(runs.lengths)
    scored = []
    for j, (at, maxima) in enumerate(zip(_places(runs), found, strict=True)):
        units = slice(*questions.offsets[j : j + 2])
        flat = slice(ends[j] - maxima.shape[1], ends[j])
        by_token = questions.vectors[units].any(axis=1, keepdims=True) & (spans.lengths[at] > 0)
        answered = _answered(maxima, by_token, evidence, units, flat, ranking.floor)
        _add_words(answered, by_token, evidence, units, slice(*evidence.offsets[j : j + 2]))
        live, ids = spans.ids[at] >= 0, spans.ids[at]
        best = spread(answered[:, live], ids[live], ranking.after, ranking.before)
        scores = questions.weights[units] @ best
        if evidence.rest is not None:
            missing = (1.0 - scores) * evidence.rest[flat][live]
            scores = np.clip(1.0 - missing, 0.0, 1.0)
        scored.append((scores, ids[live]))
    return _top(scored, k, questions.vectors.dtype)


def _answered(
    maxima: RaggedReals,
    by_token: Flags,
    evidence: MatchEvidence,
    units: slice,
    flat: slice,
    floor: float,
) -> RaggedReals:
    """How far each memory answers each unit but for its word, shape (units, memories)."""
    whole = 0.0 if evidence.whole is None else evidence.whole[flat]
    near = np.clip(np.where(by_token, (maxima - floor) / (1.0 - floor), whole), 0.0, 1.0)
    shares = np.where(
        by_token, evidence.word_shares[units, None], evidence.whole_shares[units, None]
    )
    answered: RaggedReals = ((1.0 - shares) * near).astype(maxima.dtype)
    return answered


def _add_words(
    answered: RaggedReals, by_token: Flags, evidence: MatchEvidence, units: slice, words: slice
) -> None:
    at, memories = evidence.units[words], evidence.memories[words]
    beside_token, beside_whole = evidence.word_shares[units], evidence.whole_shares[units]
    shares = np.where(by_token[at, memories], beside_token[at], beside_whole[at])
    answered[at, memories] += shares * evidence.shares[words]


def _top(found: list[tuple[RaggedReals, RowIds]], k: int, dtype: np.dtype[Any]) -> Top:
    top = Top(np.full((len(found), k), -1, np.int64), np.zeros((len(found), k), dtype))
    for row, (scores, ids) in enumerate(found):
        places = _best(scores, ids, k)
        top.ids[row, : len(places)], top.scores[row, : len(places)] = ids[places], scores[places]
    return top


def _best(scores: RaggedReals, ids: RowIds, k: int) -> RowPlaces:
    """Places of at most k named ones by falling score, ties by the newer id."""
    places = np.flatnonzero(ids >= 0)
    if k < len(places):
        named = scores[places]
        places = places[named >= np.partition(named, len(named) - k)[len(named) - k]]
    return places[np.lexsort((-ids[places], -scores[places]))[:k]]
