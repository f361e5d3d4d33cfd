"""Every kernel on the CPU, beside one BLAS call over as many bytes; 64 recalls at once beside 64.

    OPENBLAS_NUM_THREADS=1 python -m bench.kernels [--sessions 64] [--memories 500] [--json FILE]

The floor multiplies a float32 matrix of as many bytes as the rows have. Rows are int8 here too,
and widened first, so that a kernel cannot reach it. One thread of BLAS, because threads of a busy
machine wait for each other.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from bench.sessions import RANKING, UNITS, Load, Placed, directions, drawn, placed, single
from semvec.kernels import numpy_
from semvec.kernels.protocol import Groups, Rows, Runs

ROUNDS = 5


@dataclass(frozen=True, slots=True)
class Figure:
    """Medians in milliseconds of one call; what the same takes one session at a time."""

    name: str
    ms: float
    floor_ms: float
    one_by_one_ms: float | None = None


def took(*calls: Callable[[], object]) -> list[float]:
    """Medians of a few rounds in milliseconds, in turns, after one that does not count."""
    times: list[list[float]] = [[] for _ in calls]
    for _ in range(1 + ROUNDS):
        for call, mine in zip(calls, times, strict=True):
            start = time.perf_counter()
            call()
            mine.append(1e3 * (time.perf_counter() - start))
    return [statistics.median(mine[1:]) for mine in times]


def floor(size: int, queries: int, dimension: int) -> Callable[[], object]:
    """A product over so many bytes."""
    matrix = np.ones((max(1, size // 4 // dimension), dimension), np.float32)
    return partial(np.matmul, matrix, np.ones((dimension, queries), np.float32))


Call = Callable[[Placed], object]
RECALLS: dict[str, Call] = {
    "cosine_top": lambda at: numpy_.cosine_top(at.load.queries, at.rows, at.ids, at.load.runs, 10),
    "maxsim_top": lambda at: numpy_.maxsim_top(
        at.load.questions, at.tokens, at.spans, at.load.runs, 10
    ),
    "match_top": lambda at: numpy_.match_top(
        at.load.questions, at.tokens, at.spans, at.load.runs, at.load.evidence, RANKING, 10
    ),
}


def recalls(load: Load) -> list[Figure]:
    at = placed(numpy_, load)
    singles = [replace(at, load=single(load, session)) for session in range(len(load.runs))]
    figures = []
    for name, call in RECALLS.items():
        rows, queries = (at.rows, 1) if name == "cosine_top" else (at.tokens, UNITS)
        least = floor(rows.values.nbytes, queries, rows.values.shape[1])
        times = took(partial(call, at), least, partial(_each, call, singles))
        figures.append(Figure(name, *times))
    return figures


def _each(call: Call, singles: list[Placed]) -> None:
    for one in singles:
        call(one)


def others(load: Load) -> list[Figure]:
    rows, scales = load.codes, numpy_.unit_scales(load.codes)
    wide, coded, d = numpy_.dequantise(rows, scales), Rows(rows, scales), rows.shape[1]
    groups = Groups(np.arange(len(rows)), np.append(np.arange(0, len(rows), 50), len(rows)))
    queries = directions(np.random.default_rng(1), len(groups), d)
    few = Runs.single([0], [min(1000, len(rows))])
    ones = np.ones(len(rows), np.float32)
    least, least_wide, least_pairs = (
        floor(size, number, d)
        for size, number in ((rows.nbytes, 1), (wide.nbytes, 1), (1000 * d, 1000))
    )
    timed: dict[str, tuple[Callable[[], object], Callable[[], object]]] = {
        "near_pairs": (partial(numpy_.near_pairs, coded, few, 0.9), least_pairs),
        "weighted_means": (partial(numpy_.weighted_means, coded, groups, ones), least),
        "attention_means": (partial(numpy_.attention_means, queries, coded, groups, 0.1), least),
        "normalised": (partial(numpy_.normalised, wide), least_wide),
        "quantise": (partial(numpy_.quantise, wide), least_wide),
        "dequantise": (partial(numpy_.dequantise, rows, scales), least),
    }
    return [Figure(name, *took(*calls)) for name, calls in timed.items()]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sessions", type=int, default=64)
    parser.add_argument("--memories", type=int, default=500)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    load = drawn(np.random.default_rng(0), options.sessions, options.memories)
    figures = recalls(load) + others(load)
    for each in figures:
        alone = "" if each.one_by_one_ms is None else f"   {each.one_by_one_ms:8.2f} ms one by one"
        print(f"{each.name:<16} {each.ms:8.2f} ms   floor {each.floor_ms:7.2f} ms{alone}")
    if options.json:
        options.json.write_text(json.dumps([asdict(each) for each in figures], indent=1) + "\n")


if __name__ == "__main__":
    main()
