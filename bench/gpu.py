"""The kernels on a CUDA device: beside a copy, the same work in torch, and NumPy.

    python -m bench.gpu FOLDER

Writes gpu.json and gpu.svg there. Promise 22: where they are bound by memory, the scans move at
least 85 % of the bytes per second of a device-to-device copy, and are at least 3 times as fast as
torch on ragged sessions; 10 million vectors of 384 in float16 are searched in at most 1.15 times
the time that it takes to read them once.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from functools import partial
from pathlib import Path

import cupy
import numpy as np

from bench import padded
from bench.bars import bars
from bench.gathered import Gathered, gathered
from bench.gathered import told as gathered_told
from bench.nearest import COSINE_TOP, DeviceNearest, cosine_top
from bench.sessions import (
    BASE,
    DIMENSION,
    MAXSIM,
    RANKING,
    Load,
    Placed,
    directions,
    drawn,
    placed,
    without_evidence,
)
from bench.timed import TimedCard
from semvec.kernels import numpy_
from semvec.kernels.cupy_ import CudaDevice
from semvec.kernels.device_ragged import DeviceKernels
from semvec.kernels.protocol import QuantisedRows, Runs
from semvec.kernels.sources import SOURCES

K = 10
WARM, ROUNDS = 3, 11
COPIED = 1 << 31
MEMORY_BOUND = 1 << 28
"""Bytes past which no cache helps."""
NUMPY_MOST = 1 << 27
"""Bytes past which NumPy is not asked."""
SHAPES = [
    (1, 100),
    (1, 1_000),
    (1, 10_000),
    (1, 1_000_000),
    (8, 500),
    (64, 500),
    (512, 100),
    (512, 500),
    (512, 2_000),
]
GATHERED = [(1, 500), (8, 500), (64, 500), (512, 500), (64, 4_000)]
"""Sessions and memories of what goes through arena and batcher."""
FLOAT16_ROWS = (100_000, 1_000_000, 10_000_000)


@dataclass(frozen=True, slots=True)
class Figure:
    """Medians: `kernels_ms` on the device alone, `call_ms` for the caller, from plan to answer.

    `size` is the bytes of rows that have to be read, `share` how many of a copy's bytes per second
    that makes. `padded_ms` is torch's time over sessions that lie padded already.
    """

    operation: str
    sessions: int
    memories: int
    size: int
    kernels_ms: float
    call_ms: float
    share: float
    torch_ms: float | None = None
    padded_ms: float | None = None
    numpy_ms: float | None = None

    @property
    def name(self) -> str:
        return f"{self.operation}, {self.sessions} × {self.memories:,}"


class Bench:
    def __init__(self) -> None:
        self._card = TimedCard((*SOURCES, COSINE_TOP))
        self._kernels = DeviceNearest(self._card)
        self._rng = np.random.default_rng(0)
        self.copy_rate = self._copied()

    def _copied(self) -> float:
        """Bytes per second of a copy on the device, read and written."""
        source, target = cupy.zeros(COPIED, np.uint8), cupy.empty(COPIED, np.uint8)
        times = []
        for _ in range(WARM + ROUNDS):
            begin, end = cupy.cuda.Event(), cupy.cuda.Event()
            begin.record()
            target.data.copy_from_device_async(source.data, COPIED)
            end.record()
            end.synchronize()
            times.append(cupy.cuda.get_elapsed_time(begin, end))
        return float(2 * COPIED / statistics.median(times[WARM:]) * 1e3)

    def figures(self) -> Iterator[Figure]:
        for rows in FLOAT16_ROWS:
            yield self._float16(rows)
        for sessions, memories in SHAPES:
            load = drawn(self._rng, sessions, memories)
            at = placed(self._kernels, load)
            yield self._cosine(at, sessions, memories)
            yield self._maxsim(at, sessions, memories)
            yield self._match(at, sessions, memories)
            del at
            cupy.get_default_memory_pool().free_all_blocks()

    def _float16(self, number: int) -> Figure:
        """One query over so many rows."""
        base = directions(self._rng, BASE, DIMENSION).astype(np.float16)
        with self._card.ordered():
            values = cupy.tile(cupy.asarray(base), (-(-number // BASE), 1))[:number]
            rows, ids = QuantisedRows(values), cupy.arange(number)
            cupy.cuda.get_current_stream().synchronize()
        queries, runs = directions(self._rng, 1, DIMENSION), Runs.single([0], [number])
        call = partial(self._kernels.cosine_top, queries, rows, ids, runs, K)
        ready = padded.float16(values, queries, K)
        return self._figure("cosine float16", 1, number, values.nbytes, call, ready, ready)

    def _cosine(self, at: Placed, sessions: int, memories: int) -> Figure:
        load = at.load
        call = partial(self._kernels.cosine_top, load.queries, at.rows, at.ids, load.runs, K)
        size = load.codes.nbytes + 4 * len(load.codes)
        gathered, ready = padded.cosine(load, K)
        figure = partial(self._figure, "cosine int8", sessions, memories, size, call)
        cpu = placed(numpy_, load)
        alone = partial(cosine_top, load.queries, cpu.rows, cpu.ids, load.runs, K)
        return figure(gathered, ready, alone)

    def _maxsim(self, at: Placed, sessions: int, memories: int) -> Figure:
        load = at.load
        asked = load.runs, without_evidence(load), MAXSIM, K
        call = partial(self._kernels.match_top, load.questions, at.tokens, at.spans, *asked)
        gathered, ready = padded.maxsim(load, K)
        figure = partial(self._figure, "MaxSim", sessions, memories, token_bytes(load), call)
        cpu = placed(numpy_, load)
        alone = partial(numpy_.match_top, load.questions, cpu.tokens, cpu.spans, *asked)
        return figure(gathered, ready, alone)

    def _match(self, at: Placed, sessions: int, memories: int) -> Figure:
        load = at.load
        asked = load.questions, at.tokens, at.spans, load.runs, load.evidence, RANKING, K
        call = partial(self._kernels.match_top, *asked)
        return self._figure("match", sessions, memories, token_bytes(load), call)

    def _figure(
        self,
        operation: str,
        sessions: int,
        memories: int,
        size: int,
        call: Callable[[], object],
        gathered: Callable[[], object] | None = None,
        ready: Callable[[], object] | None = None,
        on_cpu: Callable[[], object] | None = None,
    ) -> Figure:
        calls, kernels = [], []
        for _ in range(WARM + ROUNDS):
            start = time.perf_counter()
            call()
            calls.append(1e3 * (time.perf_counter() - start))
            kernels.append(self._card.spent_ms())
        kernels_ms = statistics.median(kernels[WARM:])
        slow = size > NUMPY_MOST or on_cpu is None
        return Figure(
            operation,
            sessions,
            memories,
            size,
            kernels_ms,
            statistics.median(calls[WARM:]),
            size / kernels_ms * 1e3 / self.copy_rate,
            gathered and padded.took_ms(gathered),
            ready and padded.took_ms(ready),
            None if slow or on_cpu is None else _took_ms(on_cpu),
        )


def token_bytes(load: Load) -> int:
    """Codes, scales and spans."""
    return int(load.tokens.nbytes + 4 * len(load.tokens) + 24 * len(load.spans.ids))


def _took_ms(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return 1e3 * (time.perf_counter() - start)


def told(each: Figure) -> str:
    torch_ms, ready, on_cpu = (
        "      -" if ms is None else f"{ms:7.3f}"
        for ms in (each.torch_ms, each.padded_ms, each.numpy_ms)
    )
    bound = "  bound by memory" if each.size > MEMORY_BOUND else ""
    return (
        f"{each.name:<32} kernels {each.kernels_ms:8.3f} ms  call {each.call_ms:8.3f}"
        f"  torch {torch_ms}  padded {ready}  NumPy {on_cpu}  {each.share:5.0%} of a copy{bound}"
    )


def write(
    folder: Path,
    known: dict[str, object],
    figures: Sequence[Figure],
    together: Sequence[Gathered],
) -> None:
    alone, at_once = map(asdict, figures), map(asdict, together)
    report = {**known, "figures": [*alone], "gathered": [*at_once]}
    (folder / "gpu.json").write_text(json.dumps(report, indent=1) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    bench, figures = Bench(), []
    name = cupy.cuda.runtime.getDeviceProperties(0)["name"].decode()
    known = {"device": name, "copy_bytes_per_s": bench.copy_rate, "date": f"{date.today()}"}
    print(f"{name}: a copy moves {bench.copy_rate / 1e9:.0f} GB/s")
    for figure in bench.figures():
        figures.append(figure)
        print(told(figure), flush=True)
        write(folder, known, figures, [])
    together, kernels = [], DeviceKernels(CudaDevice())
    for shape in GATHERED:
        together.append(gathered(kernels, *shape))
        print(gathered_told(together[-1]), flush=True)
        write(folder, known, figures, together)
    title = f"Bytes per second beside a copy ({bench.copy_rate / 1e9:.0f} GB/s) on {name}"
    (folder / "gpu.svg").write_text(bars(title, [(each.name, each.share) for each in figures]))


if __name__ == "__main__":
    main()
