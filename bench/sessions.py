"""Made-up sessions of memories, and questions to them, in any number and size."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from semvec.kernels.numpy_ import normalised, quantise, unit_scales
from semvec.kernels.protocol import (
    Counts,
    Kernels,
    MatchEvidence,
    QuantisedRows,
    Ranking,
    Runs,
    Spans,
    TokenQueries,
)

DIMENSION, WIDTH, UNITS = 384, 128, 24
MOST_TOKENS = 24
RANKING = Ranking(0.2, (0.8, 0.7, 0.6), (0.6, 0.5))
MAXSIM = Ranking(0.0)
BASE = 4096
"""Rows that are drawn; larger matrices repeat them."""

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Load:
    """Sessions on the CPU and a question to each."""

    queries: Floats
    codes: npt.NDArray[np.int8]
    ids: Counts
    runs: Runs
    questions: TokenQueries
    tokens: npt.NDArray[np.int8]
    spans: Spans
    evidence: MatchEvidence


@dataclass(frozen=True, slots=True, eq=False)
class Placed:
    """The same where the kernels read it."""

    load: Load
    rows: QuantisedRows
    ids: Any
    tokens: QuantisedRows
    spans: Spans


def directions(rng: np.random.Generator, number: int, dimension: int) -> Floats:
    return normalised(rng.standard_normal((number, dimension), np.float32))


def drawn(rng: np.random.Generator, sessions: int, memories: int) -> Load:
    """`memories` a session on average, from a half of it to three halves where there are several;
    4 to 24 tokens a memory."""
    counts = np.full(sessions, memories)
    if sessions > 1:
        counts = rng.integers(memories // 2, memories * 3 // 2, sessions, endpoint=True)
    total, runs = int(counts.sum()), Runs.single(np.cumsum(counts) - counts, counts)
    lengths = rng.integers(4, MOST_TOKENS, total, endpoint=True)
    offsets = UNITS * np.arange(sessions + 1)
    weights = np.full(sessions * UNITS, 1 / UNITS, np.float32)
    vectors = directions(rng, sessions * UNITS, WIDTH)
    return Load(
        directions(rng, sessions, DIMENSION),
        repeated(rng, total, DIMENSION),
        np.arange(total),
        runs,
        TokenQueries(vectors, weights, offsets),
        repeated(rng, int(lengths.sum()), WIDTH),
        Spans(np.cumsum(lengths) - lengths, lengths, np.arange(total)),
        occurrences(rng, counts),
    )


def repeated(rng: np.random.Generator, rows: int, dimension: int) -> npt.NDArray[np.int8]:
    return np.resize(quantise(directions(rng, BASE, dimension)), (rows, dimension))


def occurrences(rng: np.random.Generator, counts: Counts) -> MatchEvidence:
    """Each unit's word in one of twenty memories."""
    numbers = UNITS * np.maximum(counts // 20, 1)
    of = np.repeat(np.arange(len(counts)), numbers)
    place = np.arange(len(of)) - np.repeat(np.cumsum(numbers) - numbers, numbers)
    return MatchEvidence(
        np.full(len(counts) * UNITS, 0.25, np.float32),
        np.full(len(counts) * UNITS, 0.5, np.float32),
        (place % UNITS).astype(np.int32),
        ((20 * (place // UNITS) + place % UNITS) % counts[of]).astype(np.int32),
        rng.random(len(of), np.float32),
        np.append(0, np.cumsum(numbers)),
    )


def placed(kernels: Kernels, load: Load) -> Placed:
    starts, lengths, of_spans, ids = kernels.upload(
        load.spans.starts, load.spans.lengths, load.spans.ids, load.ids
    )
    spans = Spans(starts, lengths, of_spans)
    return Placed(load, coded(kernels, load.codes), ids, coded(kernels, load.tokens), spans)


def coded(kernels: Kernels, codes: npt.NDArray[np.int8]) -> QuantisedRows:
    scales = unit_scales(codes[:BASE])
    return QuantisedRows(*kernels.upload(codes, np.resize(scales, len(codes))))


def without_evidence(load: Load) -> MatchEvidence:
    """Matches are then ranked by MaxSim alone: the weighted sum of the highest cosines."""
    none, units = np.zeros(0, np.int32), np.zeros(len(load.questions.vectors), np.float32)
    offsets = np.zeros(len(load.questions) + 1, np.int64)
    return MatchEvidence(units, units, none, none, none.astype(np.float32), offsets)


def single(load: Load, session: int) -> Load:
    """One of the sessions, over the same rows."""
    runs, units = load.runs, slice(session * UNITS, (session + 1) * UNITS)
    words = slice(*load.evidence.offsets[session : session + 2])
    questions = TokenQueries(
        load.questions.vectors[units], load.questions.weights[units], np.array([0, UNITS])
    )
    known = load.evidence
    evidence = MatchEvidence(
        known.word_shares[units],
        known.whole_shares[units],
        known.units[words],
        known.memories[words],
        known.shares[words],
        np.array([0, words.stop - words.start]),
    )
    one = slice(session, session + 1)
    return Load(
        load.queries[one],
        load.codes,
        load.ids,
        Runs.single(runs.starts[one], runs.lengths[one]),
        questions,
        load.tokens,
        load.spans,
        evidence,
    )
