"""Promise 9: many queries at once, each over rows of its own, beside float64."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from semvec.kernels.protocol import (
    Kernels,
    MatchEvidence,
    QuantisedRows,
    Ranking,
    Runs,
    Spans,
    TokenQueries,
    Top,
)
from tests.kernels import cases
from tests.kernels.cases import AWAY, CODES_AWAY, Matrix, seeds, unchanged

few = settings(max_examples=20, deadline=None)
RANKING = Ranking(0.2, (0.8, 0.7, 0.6), (0.6, 0.5))


def check_top(
    top: Top,
    scores: Sequence[npt.NDArray[np.float64]],
    ids: Sequence[Sequence[int]],
    k: int,
    away: float,
) -> None:
    """The k best of each query outside ties: `scores` and `ids` are all of them."""
    assert top.ids.shape == top.scores.shape == (len(scores), k)
    assert top.ids.dtype == np.int64
    for found, near, exact, names in zip(top.ids, top.scores, scores, ids, strict=True):
        known = {name: score for name, score in zip(names, exact, strict=True) if name >= 0}
        number = min(k, len(known))
        assert (found[number:] == -1).all()
        assert (near[number:] == 0).all()
        assert len(set(found[:number])) == number
        np.testing.assert_allclose(near[:number], [known[i] for i in found[:number]], atol=away)
        best = sorted(known.values(), reverse=True)[:number]
        np.testing.assert_allclose(near[:number], best, atol=away)
        assert (np.diff(near[:number]) <= 0).all()
        ties = np.flatnonzero(np.diff(near[:number]) == 0)
        assert (found[ties] > found[ties + 1]).all()


@few
@given(seeds, cases.dimensions, cases.row_types, st.integers(0, 4))
def test_promise_9_every_cosine_is_found(
    kernels: Kernels, seed: int, dimension: int, kind: str, number: int
) -> None:
    rng = np.random.default_rng(seed)
    rows, exact = cases.placed_rows(kernels, cases.some_unit(rng, 100, dimension), kind)
    runs = cases.some_runs(rng, number, len(exact))
    queries = cases.queries(rng, number, dimension)
    with unchanged(kernels, rows, runs, queries):
        found = kernels.to_host(kernels.ragged_cosines(queries, rows, runs))
    expected = [exact[own] @ query for own, query in zip(cases.rows_of(runs), queries, strict=True)]
    away = CODES_AWAY if kind == "int8" else AWAY
    np.testing.assert_allclose(found, np.concatenate([np.zeros(0), *expected]), atol=away)


def test_cosines_of_a_long_session_are_split_over_blocks(kernels: Kernels) -> None:
    rng = np.random.default_rng(1)
    rows, exact = cases.placed_rows(kernels, cases.unit(rng, 3000, 32), "int8")
    queries = cases.queries(rng, 2, 32)
    runs = Runs(np.array([0, 900, 2999]), np.array([700, 2100, 1]), np.array([0, 2, 3]))
    found = kernels.to_host(kernels.ragged_cosines(queries, rows, runs))
    expected = [exact[own] @ query for own, query in zip(cases.rows_of(runs), queries, strict=True)]
    np.testing.assert_allclose(found, np.concatenate(expected), atol=CODES_AWAY)


def reference_maxima(vectors: Matrix, tokens: Matrix, spans: Spans, at: Sequence[int]) -> Matrix:
    found = np.zeros((len(vectors), len(at)))
    for place, memory in enumerate(at):
        if spans.ids[memory] >= 0 and spans.lengths[memory]:
            start = spans.starts[memory]
            near = vectors @ tokens[start : start + spans.lengths[memory]].T
            found[:, place] = np.maximum(near.max(axis=1), 0.0)
    return found


Asked = tuple[TokenQueries, Spans, QuantisedRows, Runs, list[Matrix]]


def asked(
    kernels: Kernels, rng: np.random.Generator, number: int, width: int, units: int, single: bool
) -> Asked:
    """Questions over memories; the highest cosine of each unit to each memory in float64."""
    spans, total = cases.some_spans(rng, int(rng.integers(120)))
    tokens, exact = cases.placed_rows(kernels, cases.unit(rng, total, width), "int8")
    choose = cases.single_runs if single else cases.some_runs
    runs = choose(rng, number, len(spans.ids))
    questions = cases.some_questions(rng, number, width, units)
    vectors = np.split(questions.vectors.astype(np.float64), questions.offsets[1:-1])
    maxima = [
        reference_maxima(own, exact, spans, at)
        for own, at in zip(vectors[:number], cases.rows_of(runs), strict=True)
    ]
    return questions, spans, tokens, runs, maxima


@few
@given(
    seeds, cases.widths, st.integers(0, 3), st.sampled_from([0, 1, 15, 33, 70]), st.integers(1, 40)
)
def test_promise_9_without_evidence_maxsim_ranks_memories(
    kernels: Kernels, seed: int, width: int, number: int, units: int, k: int
) -> None:
    rng = np.random.default_rng(seed)
    questions, spans, tokens, runs, maxima = asked(kernels, rng, number, width, units, True)
    known, placed = cases.no_evidence(questions), cases.placed_spans(kernels, spans)
    with unchanged(kernels, questions, placed, tokens, runs, known):
        top = kernels.match_top(questions, tokens, placed, runs, known, Ranking(0.0), k)
    weights = np.split(questions.weights.astype(np.float64), questions.offsets[1:-1])
    scores = [own @ near for own, near in zip(weights[:number], maxima, strict=True)]
    ids = [spans.ids[at].tolist() for at in cases.rows_of(runs)]
    check_top(top, scores, ids, k, CODES_AWAY)


@dataclass(frozen=True)
class Case:
    """One question: what is known of its units and memories, in float64."""

    maxima: Matrix
    by_token: npt.NDArray[np.bool_]
    ids: npt.NDArray[np.int64]
    weights: Matrix
    word_shares: Matrix
    whole_shares: Matrix
    words: Sequence[tuple[int, int, float]]
    whole: Matrix | None
    rest: Matrix | None

    def answered(self) -> Matrix:
        found = np.zeros_like(self.maxima)
        for unit, memory in np.ndindex(found.shape):
            near = 0.0 if self.whole is None else self.whole[memory]
            if self.by_token[unit, memory]:
                near = (self.maxima[unit, memory] - RANKING.floor) / (1 - RANKING.floor)
            found[unit, memory] = (1 - self.share(unit, memory)) * min(max(near, 0.0), 1.0)
        for unit, memory, occurs in self.words:
            found[unit, memory] += self.share(unit, memory) * occurs
        return found

    def share(self, unit: int, memory: int) -> float:
        by_token = self.by_token[unit, memory]
        return float((self.word_shares if by_token else self.whole_shares)[unit])

    def scores(self) -> Matrix:
        """Number by number, by the words of the protocol."""
        answered, scores = self.answered(), np.zeros(len(self.ids))
        for memory, name in enumerate(self.ids):
            best = answered[:, memory].copy()
            for other, its in enumerate(self.ids):
                gap = name - its
                if name >= 0 and its >= 0 and 0 < gap <= len(RANKING.after):
                    best = np.maximum(best, RANKING.after[gap - 1] * answered[:, other])
                if name >= 0 and its >= 0 and 0 < -gap <= len(RANKING.before):
                    best = np.maximum(best, RANKING.before[-gap - 1] * answered[:, other])
            scores[memory] = self.weights @ best
        return scores if self.rest is None else np.clip(1 - (1 - scores) * self.rest, 0, 1)


def match_cases(
    questions: TokenQueries,
    spans: Spans,
    runs: Runs,
    maxima: Sequence[Matrix],
    known: MatchEvidence,
) -> Iterator[Case]:
    ends = np.cumsum(runs.lengths)
    for j, at in enumerate(cases.rows_of(runs)):
        units, flat = slice(*questions.offsets[j : j + 2]), slice(ends[j] - len(at), ends[j])
        words = slice(*known.offsets[j : j + 2])
        triples = zip(known.units[words], known.memories[words], known.shares[words], strict=True)
        yield Case(
            maxima[j],
            questions.vectors[units].any(axis=1, keepdims=True) & (spans.lengths[at] > 0),
            spans.ids[at],
            questions.weights[units].astype(np.float64),
            known.word_shares[units].astype(np.float64),
            known.whole_shares[units].astype(np.float64),
            list(triples),
            None if known.whole is None else known.whole[flat],
            None if known.rest is None else known.rest[flat],
        )


@few
@given(seeds, cases.widths, st.integers(0, 3), st.sampled_from([0, 1, 20, 70]), st.integers(1, 40))
def test_promise_9_match_ranks_by_tokens_words_and_neighbours(
    kernels: Kernels, seed: int, width: int, number: int, units: int, k: int
) -> None:
    rng = np.random.default_rng(seed)
    questions, spans, tokens, runs, maxima = asked(kernels, rng, number, width, units, True)
    known, placed = cases.some_evidence(rng, questions, runs), cases.placed_spans(kernels, spans)
    with unchanged(kernels, questions, placed, tokens, runs, known):
        top = kernels.match_top(questions, tokens, placed, runs, known, RANKING, k)
    scores = [case.scores() for case in match_cases(questions, spans, runs, maxima, known)]
    ids = [spans.ids[at].tolist() for at in cases.rows_of(runs)]
    check_top(top, scores, ids, k, CODES_AWAY)


def test_neighbours_answer_across_blocks(kernels: Kernels) -> None:
    number, nothing = 300, np.zeros(0, np.int32)
    codes, scales = np.full((1, 16), 127, np.int8), np.full(1, 1 / 508, np.float32)
    tokens = QuantisedRows(*kernels.upload(codes, scales))
    lengths = (np.arange(number) % 5 == 0).astype(np.int64)
    spans = Spans(*kernels.upload(np.zeros(number, np.int64), lengths, np.arange(number)))
    vectors, one = np.full((1, 16), 0.25, np.float32), np.ones(1, np.float32)
    questions = TokenQueries(vectors, one, np.array([0, 1]))
    known = MatchEvidence(0 * one, 0 * one, nothing, nothing, one[:0], np.array([0, 0]))
    runs = Runs.single([0], [number])
    top = kernels.match_top(questions, tokens, spans, runs, known, RANKING, 128)
    assert top.ids[0, :60].tolist() == list(range(295, -1, -5))
    assert top.ids[0, 60:120].tolist() == list(range(296, 0, -5))
    np.testing.assert_allclose(top.scores[0, :120], np.repeat([1.0, 0.8], 60), atol=CODES_AWAY)


@pytest.mark.parametrize("k", [1, 10, 33, 128])
def test_the_best_of_a_long_session_are_found_in_all_blocks(kernels: Kernels, k: int) -> None:
    rng, number = np.random.default_rng(6), 3000
    whole, ids = rng.integers(0, 1000, number).astype(np.float32) / 1000, np.arange(number)
    tokens = QuantisedRows(*kernels.upload(np.ones((1, 16), np.int8), np.ones(1, np.float32)))
    spans = Spans(*kernels.upload(np.zeros(number, np.int64), np.zeros(number, np.int64), ids))
    one = np.ones(1, np.float32)
    questions = TokenQueries(np.zeros((1, 16), np.float32), one, np.array([0, 1]))
    known = replace(cases.no_evidence(questions), whole=whole)
    runs = Runs.single([0], [number])
    top = kernels.match_top(questions, tokens, spans, runs, known, Ranking(0.0), k)
    assert top.ids[0].tolist() == np.lexsort((-ids, -whole))[:k].tolist()


def test_a_memory_that_is_gone_answers_for_nobody(kernels: Kernels) -> None:
    tokens = QuantisedRows(*kernels.upload(np.ones((1, 16), np.int8), np.ones(1, np.float32)))
    spans = Spans(*kernels.upload(*map(np.array, ([0, 0], [0, 0], [-1, 0]))))
    one, place = np.ones(1, np.float32), np.zeros(1, np.int32)
    questions = TokenQueries(np.zeros((1, 16), np.float32), one, np.array([0, 1]))
    known = MatchEvidence(one, one, place, place, one, np.array([0, 1]))
    runs = Runs.single([0], [2])
    top = kernels.match_top(questions, tokens, spans, runs, known, RANKING, 2)
    assert top.ids[0].tolist() == [0, -1]
    assert top.scores[0].tolist() == [0.0, 0.0]


def test_tokens_outside_of_the_rows_are_an_error(kernels: Kernels) -> None:
    tokens = QuantisedRows(*kernels.upload(np.ones((4, 16), np.int8), np.ones(4, np.float32)))
    questions = TokenQueries(np.ones((1, 16), np.float32), np.ones(1, np.float32), np.array([0, 1]))
    known = cases.no_evidence(questions)
    for start, length in ((3, 2), (-1, 1), (0, -1)):
        spans = Spans(*kernels.upload(*(np.array([each]) for each in (start, length, 1))))
        with pytest.raises(ValueError, match="not all among the rows"):
            kernels.match_top(
                questions, tokens, spans, Runs.single([0], [1]), known, Ranking(0.0), 1
            )
