"""What cannot be computed is refused before anything is, with what is wrong about it."""

from typing import Any

import numpy as np
import pytest

from semvec.kernels import numpy_
from semvec.kernels.protocol import (
    Groups,
    Kernels,
    MatchEvidence,
    QuantisedRows,
    Ranking,
    Runs,
    Spans,
    TokenQueries,
)

ONE, NOTHING = np.ones(1, np.float32), np.zeros(0, np.int32)
FIRST = np.array([0, 1])
START, SECOND, FIFTH = (np.array([place], np.int32) for place in (0, 1, 4))
MANY = np.ones((257, 16), np.float32)


def rows(kernels: Kernels) -> QuantisedRows:
    return QuantisedRows(*kernels.upload(np.ones((4, 16), np.int8), np.ones(4, np.float32)))


def cosine(kernels: Kernels, **other: Any) -> None:
    asked = {
        "queries": np.ones((1, 16), np.float32),
        "rows": rows(kernels),
        "runs": Runs.single([0], [4]),
    }
    kernels.ragged_cosines(**{**asked, **other})


def match(kernels: Kernels, **other: Any) -> None:
    spans = Spans(*kernels.upload(*(np.zeros(4, np.int64) for _ in range(3))))
    asked = {
        "questions": TokenQueries(np.ones((1, 16), np.float32), ONE, FIRST),
        "tokens": rows(kernels),
        "spans": spans,
        "runs": Runs.single([0], [4]),
        "evidence": MatchEvidence(ONE, ONE, NOTHING, NOTHING, ONE[:0], np.array([0, 0])),
        "ranking": Ranking(0.2),
        "k": 1,
    }
    kernels.match_top(**{**asked, **other})


def test_what_is_right_is_not_refused(kernels: Kernels) -> None:
    cosine(kernels)
    match(kernels)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"queries": np.ones((1, 15), np.float32)}, r"shape \(1, 15\), not \(1, 16\)"),
        ({"queries": np.ones((2, 16), np.float32)}, r"shape \(2, 16\)"),
        ({"runs": Runs.single([1], [4])}, "outside of the 4 rows"),
        ({"runs": Runs.single([-1], [1])}, "outside of the 4 rows"),
        ({"runs": Runs.single([0], [-1])}, "outside of the 4 rows"),
        ({"runs": Runs(FIRST, FIRST, FIRST)}, "do not lead from 0 to 2"),
        ({"runs": Runs(FIRST, FIRST, np.array([0, 3, 2]))}, "fall"),
    ],
)
def test_wrong_sizes(kernels: Kernels, wrong: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        cosine(kernels, **wrong)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"queries": np.ones((1, 16), np.int64)}, "queries is int64, not float32"),
        ({"queries": [[1.0] * 16]}, "queries is <class 'list'>"),
        ({"runs": Runs(FIRST.astype(np.float32), FIRST, FIRST)}, "starts is float32, not int64"),
        ({"rows": QuantisedRows(np.ones((4, 16), np.int16))}, "values is int16"),
    ],
)
def test_wrong_types(kernels: Kernels, wrong: dict[str, Any], told: str) -> None:
    with pytest.raises(TypeError, match=told):
        cosine(kernels, **wrong)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"k": 0}, "from 1 to 128"),
        ({"k": 129}, "from 1 to 128"),
        ({"ranking": Ranking(1.0)}, "not below 1"),
        ({"ranking": Ranking(0.0, (0.1,) * 5)}, "more than 4 neighbours"),
        ({"ranking": Ranking(0.0, (1.5,))}, "not from 0 to 1"),
        ({"runs": Runs(FIRST, FIRST, np.array([0, 2]))}, "exactly one run"),
        ({"runs": Runs(FIRST, FIRST, np.array([0, 1, 2]))}, "1 questions have 2"),
        (
            {
                "questions": TokenQueries(
                    np.ones((257, 16), np.float32), np.ones(257, np.float32), 257 * FIRST
                )
            },
            "more than 256 units",
        ),
        ({"evidence": MatchEvidence(ONE, ONE, SECOND, START, ONE, FIRST)}, "units reach outside"),
        (
            {"evidence": MatchEvidence(ONE, ONE, START, FIFTH, ONE, FIRST)},
            "memories reach outside",
        ),
        (
            {"evidence": MatchEvidence(ONE, ONE, NOTHING, NOTHING, ONE[:0], np.array([0, 0]), ONE)},
            "whole has shape",
        ),
    ],
)
def test_wrong_questions(kernels: Kernels, wrong: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        match(kernels, **wrong)


def test_wrong_k_and_ids(kernels: Kernels) -> None:
    with pytest.raises(TypeError, match="k is float"):
        match(kernels, k=1.0)
    starts, lengths, ids = kernels.upload(*(np.zeros(size, np.int64) for size in (4, 4, 3)))
    with pytest.raises(ValueError, match=r"ids has shape \(3,\)"):
        match(kernels, spans=Spans(starts, lengths, ids))


def test_wrong_groups() -> None:
    groups, zero = Groups(np.array([4]), FIRST), np.zeros((1, 16), np.float32)
    with pytest.raises(ValueError, match="not among the 4 rows"):
        numpy_.weighted_means(rows(numpy_), groups, ONE)
    with pytest.raises(ValueError, match="below 0"):
        numpy_.weighted_means(rows(numpy_), Groups(FIRST[:1], FIRST), -ONE)
    with pytest.raises(ValueError, match="temperature is 0"):
        numpy_.attention_means(zero, rows(numpy_), Groups(FIRST[:1], FIRST), 0.0)


def test_a_device_takes_float32_questions_and_short_tokens(kernels: Kernels) -> None:
    if kernels is numpy_:
        pytest.skip("NumPy takes float64 and any width")
    with pytest.raises(TypeError, match="queries is float64, not float32"):
        cosine(kernels, queries=np.ones((1, 16)))
    wide = np.ones((4, 129), np.int8)
    tokens = QuantisedRows(*kernels.upload(wide, np.ones(4, np.float32)))
    questions = TokenQueries(np.ones((1, 129), np.float32), ONE, FIRST)
    with pytest.raises(ValueError, match="129 numbers, more than 128"):
        match(kernels, questions=questions, tokens=tokens)
    (wide_rows,) = kernels.upload(np.ones((4, 32), np.float32))
    with pytest.raises(ValueError, match="gaps"):
        cosine(kernels, rows=QuantisedRows(wide_rows[:, ::2]))
