"""Random arguments of kernels, with what they stand for in float64."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import fields, is_dataclass
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt
from hypothesis import strategies as st

from semvec.kernels.numpy_ import quantise, unit_scales
from semvec.kernels.protocol import (
    HostNumbers,
    Kernels,
    MatchEvidence,
    QuantisedRows,
    Runs,
    Spans,
    TokenQueries,
)

Matrix = npt.NDArray[np.float64]

seeds = st.integers(0, 2**32 - 1)
dimensions = st.sampled_from([1, 3, 16, 17, 100, 128, 384])
widths = st.sampled_from([1, 5, 32, 48, 100, 128])
row_types = st.sampled_from(["int8", "float16", "float32"])

CODES_AWAY, AWAY = 4e-5, 4e-6
"""How far results may be from float64: beside codes a device takes queries as 16-bit numbers."""


def unit(rng: np.random.Generator, rows: int, dimension: int) -> Matrix:
    """Random directions, some of them twice, and some zero rows."""
    found = rng.standard_normal((rows, dimension))
    if rows > 2:
        found[rng.integers(rows, size=rows // 8)] = found[0]
        found[rng.integers(rows, size=rows // 8)] = 0.0
    lengths = np.linalg.norm(found, axis=1, keepdims=True)
    exact: Matrix = np.divide(found, lengths, out=np.zeros_like(found), where=lengths > 0)
    return exact


def some_unit(rng: np.random.Generator, most: int, dimension: int) -> Matrix:
    return unit(rng, int(rng.integers(most)), dimension)


def queries(rng: np.random.Generator, number: int, dimension: int) -> npt.NDArray[np.float32]:
    return unit(rng, number, dimension).astype(np.float32)


def placed_rows(kernels: Kernels, vectors: Matrix, kind: str) -> tuple[QuantisedRows, Matrix]:
    """Rows of a type, and the numbers that they stand for."""
    if kind != "int8":
        values = vectors.astype(kind)
        return QuantisedRows(*kernels.upload(values)), values.astype(np.float64)
    codes = quantise(vectors)
    scales = unit_scales(codes)
    exact = codes.astype(np.float64) * scales[:, None]
    return QuantisedRows(*kernels.upload(codes, scales)), exact


def some_ids(rng: np.random.Generator, rows: int) -> npt.NDArray[np.int64]:
    """Ids in no order, some rows without one."""
    ids = rng.permutation(10 * rows + 1)[:rows].astype(np.int64)
    ids[rng.random(rows) < 0.1] = -1
    return ids


def some_runs(rng: np.random.Generator, number: int, rows: int, most: int = 3) -> Runs:
    """Runs of rows, some empty, from none to `most` of them for each query."""
    offsets = np.append(0, np.cumsum(rng.integers(0, most + 1, number))).astype(np.int64)
    starts = rng.integers(0, rows + 1, offsets[-1])
    lengths = rng.integers(0, rows - starts + 1)
    return Runs(starts, lengths, offsets)


def single_runs(rng: np.random.Generator, number: int, rows: int) -> Runs:
    starts = rng.integers(0, rows + 1, number)
    return Runs.single(starts, rng.integers(0, rows - starts + 1))


def rows_of(runs: Runs) -> list[list[int]]:
    """The rows of each query."""
    each = [
        range(start, start + length)
        for start, length in zip(runs.starts.tolist(), runs.lengths.tolist(), strict=True)
    ]
    bounds = zip(runs.offsets[:-1], runs.offsets[1:], strict=True)
    return [list(chain.from_iterable(each[first:last])) for first, last in bounds]


def some_spans(rng: np.random.Generator, memories: int) -> tuple[Spans, int]:
    """Where memories' tokens lie, with gaps between some, some without any; and rows of all."""
    lengths = rng.integers(0, 25, memories)
    gaps = rng.integers(0, 3, memories)
    starts = np.cumsum(lengths + gaps) - lengths
    ids = np.cumsum(rng.integers(1, 4, memories)).astype(np.int64) - 1
    ids[rng.random(memories) < 0.2] = -1
    return Spans(starts, lengths, ids), int((lengths + gaps).sum())


def placed_spans(kernels: Kernels, spans: Spans) -> Spans:
    return Spans(*kernels.upload(spans.starts, spans.lengths, spans.ids))


def some_questions(
    rng: np.random.Generator, number: int, width: int, most_units: int
) -> TokenQueries:
    offsets = np.append(0, np.cumsum(rng.integers(0, most_units + 1, number))).astype(np.int64)
    weights = rng.random(offsets[-1]).astype(np.float32) / max(1, most_units)
    return TokenQueries(queries(rng, int(offsets[-1]), width), weights, offsets)


def some_evidence(rng: np.random.Generator, questions: TokenQueries, runs: Runs) -> MatchEvidence:
    cells = [
        rng.permutation(units * memories)[: units * memories // 3]
        for units, memories in zip(np.diff(questions.offsets), runs.counts(), strict=True)
    ]
    across = np.repeat(np.maximum(runs.counts(), 1), [len(each) for each in cells])
    flat = np.concatenate([np.zeros(0, np.int64), *cells])
    return MatchEvidence(
        rng.random(len(questions.vectors)).astype(np.float32),
        rng.random(len(questions.vectors)).astype(np.float32),
        (flat // across).astype(np.int32),
        (flat % across).astype(np.int32),
        rng.random(len(flat)).astype(np.float32),
        np.append(0, np.cumsum([len(each) for each in cells])).astype(np.int64),
        *_by_memory(rng, runs),
    )


def no_evidence(questions: TokenQueries) -> MatchEvidence:
    none, units = np.zeros(0, np.int32), np.zeros(len(questions.vectors), np.float32)
    offsets = np.zeros(len(questions) + 1, np.int64)
    return MatchEvidence(units, units, none, none, none.astype(np.float32), offsets)


def _by_memory(rng: np.random.Generator, runs: Runs) -> list[HostNumbers | None]:
    number = int(runs.lengths.sum())
    return [rng.random(number).astype(np.float32) if rng.random() < 0.5 else None for _ in range(2)]


@contextmanager
def unchanged(kernels: Kernels, *arguments: Any) -> Iterator[None]:
    """Nothing in here modifies these."""
    before = [_read(kernels, each).copy() for each in _arrays(arguments)]
    yield
    for was, now in zip(before, _arrays(arguments), strict=True):
        np.testing.assert_array_equal(was, _read(kernels, now))


def _read(kernels: Kernels, array: Any) -> HostNumbers:
    return array if isinstance(array, np.ndarray) else kernels.to_host(array)


def _arrays(arguments: Sequence[Any]) -> Iterator[Any]:
    for each in arguments:
        if is_dataclass(each):
            yield from _arrays([getattr(each, field.name) for field in fields(each)])
        elif each is not None:
            yield each
