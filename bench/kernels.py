"""The kernels on the CPU, beside one BLAS call over as many bytes; 64 recalls at once beside 64.

Then the same comparisons through `semvec.cache.vector_scorer`: 64 that are asked for at once and
share a turn of the thread, 64 that are asked for one after the other, and 64 that run where they
are asked for, which is what a server does with all that are not large.

    OPENBLAS_NUM_THREADS=1 python -m bench.kernels [--sessions 64] [--memories 500] [--json FILE]

The floor multiplies a float32 matrix of as many bytes as the rows have. Rows are int8 here too,
and widened first, so that a kernel cannot reach it. One thread of BLAS, because threads of a busy
machine wait for each other.
"""

import argparse
import asyncio
import json
import os
import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import date
from functools import partial
from pathlib import Path

import numpy as np

from bench.sessions import (
    DIMENSION,
    RANKING,
    UNITS,
    Load,
    Placed,
    directions,
    drawn,
    placed,
    repeated,
    single,
)
from semvec.cache.vector_scorer import compare_in_order
from semvec.kernels import numpy_
from semvec.kernels.arena import Arena
from semvec.kernels.batcher import Batcher
from semvec.kernels.launches import CosineQuery
from semvec.kernels.pages import Lease
from semvec.machine import keep_freed_memory

ROUNDS = 5


@dataclass(frozen=True, slots=True)
class Figure:
    """Medians in milliseconds of one call; what the same takes one session at a time."""

    name: str
    ms: float
    floor_ms: float
    one_by_one_ms: float | None = None
    inline_ms: float | None = None


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
    "ragged_cosines": lambda at: numpy_.ragged_cosines(at.load.queries, at.rows, at.load.runs),
    "match_top": lambda at: numpy_.match_top(
        at.load.questions, at.tokens, at.spans, at.load.runs, at.load.evidence, RANKING, 10
    ),
}


def recalls(load: Load) -> list[Figure]:
    at = placed(numpy_, load)
    singles = [replace(at, load=single(load, session)) for session in range(len(load.runs))]
    figures = []
    for name, call in RECALLS.items():
        rows, queries = (at.rows, 1) if name == "ragged_cosines" else (at.tokens, UNITS)
        least = floor(rows.values.nbytes, queries, rows.values.shape[1])
        times = took(partial(call, at), least, partial(_each, call, singles))
        figures.append(Figure(name, *times))
    return figures


def _each(call: Call, singles: list[Placed]) -> None:
    for one in singles:
        call(one)


def door(sessions: int, memories: int) -> Figure:
    """Cosines of one vector each to sessions in an arena, through the batcher."""
    rng, plane = np.random.default_rng(2), Arena(0).plane(DIMENSION)
    asked = []
    for _ in range(sessions):
        lease = Lease(plane)
        lease.reserve(memories)
        for run in lease.runs(lease.size):
            plane.codes[run] = repeated(rng, run.stop - run.start, DIMENSION)
            plane.scales[run] = numpy_.unit_scales(plane.codes[run])
        asked.append(CosineQuery(directions(rng, 1, DIMENSION), (lease,), memories))
    batcher, loop = Batcher(), asyncio.new_event_loop()

    async def together() -> None:
        await asyncio.gather(*(batcher.answer(compare_in_order, each) for each in asked))

    async def alone() -> None:
        for each in asked:
            await batcher.answer(compare_in_order, each)

    calls: list[Callable[[], object]] = [
        lambda: loop.run_until_complete(together()),
        floor(sessions * memories * DIMENSION, 1, DIMENSION),
        lambda: loop.run_until_complete(alone()),
        lambda: compare_in_order(asked),
    ]
    times = took(*calls)
    loop.run_until_complete(batcher.close())
    loop.close()
    return Figure(f"door, {sessions} × {memories:,}", *times)


def machine() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    names = {line.partition(": ")[2] for line in lines if line.startswith("model name")}
    return f"{os.cpu_count()} cores, {', '.join(names)}, NumPy {np.__version__}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sessions", type=int, default=64)
    parser.add_argument("--memories", type=int, default=500)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    load = drawn(np.random.default_rng(0), options.sessions, options.memories)
    keep_freed_memory()  # as a server does
    figures = recalls(load)
    figures += [door(options.sessions, number) for number in (options.memories, 4_096)]
    for each in figures:
        print(told(each))
    if options.json:
        known = {"machine": machine(), "date": f"{date.today()}"}
        report = {**known, "figures": [asdict(each) for each in figures]}
        options.json.write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n")


def told(each: Figure) -> str:
    line = f"{each.name:<20} {each.ms:8.2f} ms   floor {each.floor_ms:7.2f} ms"
    for name, ms in (("one by one", each.one_by_one_ms), ("inline", each.inline_ms)):
        line += "" if ms is None else f"   {ms:8.2f} ms {name}"
    return line


if __name__ == "__main__":
    main()
