"""The default encoder's speed, memory and start, beside its multiplications alone.

    python -m bench.encoder [--rounds 5] [--json FILE]

The floor multiplies int8 matrices of the size of all the encoder's weights with as many rows as the
texts have tokens, on as many threads. Promise 21: at most 5 ms for a text of 20 words (median), at
least 250 texts a second in batches of 64, at most 250 MB resident, loaded in at most 1 s.
"""

import argparse
import asyncio
import json
import os
import random
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from bench.text import text

BATCH = 64
BATCHES = 8
CHANCE = random.Random(0)


@dataclass(frozen=True, slots=True)
class Figures:
    """Times in milliseconds, memory in MB; the floors are the multiplications alone."""

    cores: int
    load_ms: float
    one_text_ms: float
    one_text_floor_ms: float
    texts_per_second: float
    texts_per_second_floor: float
    cpu_ms_per_text: float
    tokens_per_text: float
    resident_mb: float


async def measure(rounds: int) -> Figures:
    begin = time.perf_counter()
    from semvec.embed.factory import open_embedder  # what is imported counts as loading

    embedder = open_embedder("local")
    assert embedder is not None
    await embedder.start()
    loaded = time.perf_counter() - begin
    tokens: list[int] = []
    singles: list[float] = []
    for _ in range(40 * rounds):
        begin = time.perf_counter()
        (encoding,) = await embedder.encode([text(CHANCE)])
        singles.append(time.perf_counter() - begin)
        assert encoding.tokens is not None
        tokens.append(len(encoding.tokens.words) + 2)
    rates, cpu = [], time.process_time()
    for _ in range(rounds):
        begin = time.perf_counter()
        for _ in range(BATCHES):
            await embedder.encode([text(CHANCE) for _ in range(BATCH)])
        rates.append(BATCH * BATCHES / (time.perf_counter() - begin))
    cpu = time.process_time() - cpu
    resident = psutil.Process().memory_info().rss / 1e6
    await embedder.close()
    cores, length = len(os.sched_getaffinity(0)), statistics.mean(tokens)
    one_floor, rate_floor = floor(round(length), cores, rounds)
    return Figures(
        cores=cores,
        load_ms=loaded * 1e3,
        one_text_ms=statistics.median(singles) * 1e3,
        one_text_floor_ms=one_floor * 1e3,
        texts_per_second=max(rates),
        texts_per_second_floor=rate_floor,
        cpu_ms_per_text=cpu / (rounds * BATCHES * BATCH) * 1e3,
        tokens_per_text=length,
        resident_mb=resident,
    )


def floor(tokens: int, threads: int, rounds: int) -> tuple[float, float]:
    """Seconds for one text's multiplications, and texts a second in batches on all threads."""
    batch = 16
    one, many = product(tokens), product(batch * tokens)
    times = []
    for _ in range(40 * rounds):
        begin = time.perf_counter()
        one()
        times.append(time.perf_counter() - begin)
    rates = []
    with ThreadPoolExecutor(threads) as pool:
        for _ in range(rounds):
            begin = time.perf_counter()
            list(pool.map(lambda _: many(), range(BATCH * BATCHES // batch)))
            rates.append(BATCH * BATCHES / (time.perf_counter() - begin))
    return statistics.median(times), max(rates)


def product(rows: int) -> Callable[[], object]:
    """Multiplies `rows` rows with as many int8 weights as the six layers hold (10.6 million)."""
    import numpy as np
    from onnx import TensorProto, helper, numpy_helper

    from semvec.embed.graph import CONTRIB, IR_VERSION, OPSETS, Graph
    from semvec.embed.model import open_session

    inner, outer = 1536, 6912
    noise = np.random.default_rng(0)
    constants = {
        "weights": noise.integers(-127, 128, (inner, outer)).astype(np.int8),
        "scales": np.ones(outer, np.float32),
        "one": np.float32(1),
        "middle": np.uint8(128),
    }
    inputs = ["rows", "weights", "one", "scales", "middle"]
    node = helper.make_node("MatMulIntegerToFloat", inputs, ["product"], domain=CONTRIB)
    graph = helper.make_graph(
        [node],
        "floor",
        [helper.make_tensor_value_info("rows", TensorProto.UINT8, [rows, inner])],
        [helper.make_tensor_value_info("product", TensorProto.FLOAT, [rows, outer])],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    opsets = [helper.make_opsetid(domain, version) for domain, version in OPSETS.items()]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION)
    session = open_session(Graph(model, {}))
    feed = {"rows": noise.integers(0, 256, (rows, inner)).astype(np.uint8)}
    return lambda: session.run(None, feed)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    figures = asyncio.run(measure(args.rounds))
    for name, value in asdict(figures).items():
        print(f"{name.replace('_', ' '):<24}{value:>10.1f}")
    if args.json:
        args.json.write_text(json.dumps(asdict(figures), indent=2) + "\n")


if __name__ == "__main__":
    main()
