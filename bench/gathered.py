"""Questions of many sessions through arena and batcher: together, and one after the other.

    python -m bench.gathered [--sessions 64] [--memories 500]

As `bench.gpu` does on a card; by itself it runs in NumPy, where nothing but the path is shown.
"""

import argparse
import asyncio
import statistics
import time
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bench.sessions import DIMENSION, MOST_TOKENS, RANKING, UNITS, WIDTH, directions, repeated
from semvec.kernels import numpy_
from semvec.kernels.arena import Arena, SharedPool
from semvec.kernels.batcher import Batcher
from semvec.kernels.launches import CosineQuery, DeviceBatch, MatchQuery
from semvec.kernels.mirror import Mirror
from semvec.kernels.pages import PAGE_ROWS, Lease
from semvec.kernels.protocol import Kernels

K, ROUNDS = 10, 7
Random = np.random.Generator


@dataclass(frozen=True, slots=True)
class Gathered:
    """Medians in milliseconds for all sessions. `sent_ms` is what it takes to bring all their
    vectors, of so many bytes, to the device once."""

    sessions: int
    memories: int
    size: int
    sent_ms: float
    cosines_ms: float
    cosines_alone_ms: float
    matches_ms: float
    matches_alone_ms: float


def gathered(kernels: Kernels, sessions: int, memories: int) -> Gathered:
    rng, arena = np.random.default_rng(0), Arena(0)
    leases, compare, match = [], list[CosineQuery](), list[MatchQuery]()
    for _ in range(sessions):
        rows = filled(rng, arena.plane(DIMENSION), memories)
        tokens, asked = question(rng, arena.plane(WIDTH), memories)
        leases += [rows, tokens]
        compare.append(CosineQuery(directions(rng, 1, DIMENSION), (rows,), memories))
        match.append(asked)
    mirror, start = Mirror(kernels), time.perf_counter()
    for width in (DIMENSION, WIDTH):
        kernels.to_host(mirror.rows(arena.plane(width)).values[:1])
    sent_ms = 1e3 * (time.perf_counter() - start)
    del mirror
    launches = DeviceBatch(kernels)
    return Gathered(
        sessions,
        memories,
        arena.nbytes,
        sent_ms,
        *asyncio.run(measured(launches.cosines, compare)),
        *asyncio.run(measured(launches.matches, match)),
    )


def filled(rng: Random, plane: SharedPool, rows: int) -> Lease:
    lease = Lease(plane)
    lease.reserve(rows)
    for run in lease.runs(lease.size):
        plane.codes[run] = repeated(rng, run.stop - run.start, plane.width)
        plane.scales[run] = numpy_.unit_scales(plane.codes[run])
        plane.mark_dirty(run.start, run.stop - run.start)
    return lease


def question(rng: Random, plane: SharedPool, memories: int) -> tuple[Lease, MatchQuery]:
    """To so many memories of 4 to 24 token vectors; each unit's word is in one of twenty."""
    lengths = rng.integers(4, MOST_TOKENS, memories, endpoint=True)
    each = PAGE_ROWS // MOST_TOKENS  # memories of a page, so that each lies in one
    starts = PAGE_ROWS * (np.arange(memories) // each) + MOST_TOKENS * (np.arange(memories) % each)
    lease = filled(rng, plane, int(starts[-1]) + MOST_TOKENS)
    at, where = np.nonzero(rng.random((UNITS, memories)) < 0.05)
    return lease, MatchQuery(
        plane=plane,
        vectors=directions(rng, UNITS, WIDTH),
        weights=np.full(UNITS, 1 / UNITS, np.float32),
        word_shares=np.full(UNITS, 0.25, np.float32),
        whole_shares=np.full(UNITS, 0.5, np.float32),
        units=at.astype(np.int32),
        memories=where.astype(np.int32),
        shares=rng.random(len(at), np.float32),
        ids=np.arange(1, memories + 1),
        starts=lease.places(starts),
        lengths=lengths,
        text_cosine=rng.random(memories, np.float32),
        headroom=np.ones(memories, np.float32),
        ranking=RANKING,
        k=K,
    )


async def measured(launch: Callable[..., Any], asked: Sequence[object]) -> tuple[float, float]:
    """Milliseconds for all at once, and for one after the other."""
    batcher = Batcher()

    async def together() -> None:
        await asyncio.gather(*(batcher.answer(launch, each) for each in asked))

    async def alone() -> None:
        for each in asked:
            await batcher.answer(launch, each)

    times = [(await took(together()), await took(alone())) for _ in range(1 + ROUNDS)][1:]
    await batcher.close()
    first, second = zip(*times, strict=True)
    return statistics.median(first), statistics.median(second)


async def took(work: Coroutine[Any, Any, None]) -> float:
    start = time.perf_counter()
    await work
    return 1e3 * (time.perf_counter() - start)


def told(each: Gathered) -> str:
    rate = each.sessions / (each.cosines_ms + each.matches_ms) * 1e3
    return (
        f"{each.sessions} × {each.memories:,}: cosines {each.cosines_ms:.2f} ms (one by one "
        f"{each.cosines_alone_ms:.2f}), matches {each.matches_ms:.2f} ms (one by one "
        f"{each.matches_alone_ms:.2f}), {rate:.0f} recalls/s; {each.size / 1e6:.0f} MB sent in "
        f"{each.sent_ms:.1f} ms"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--sessions", type=int, default=64)
    parser.add_argument("--memories", type=int, default=500)
    options = parser.parse_args()
    print(told(gathered(numpy_, options.sessions, options.memories)))


if __name__ == "__main__":
    main()
