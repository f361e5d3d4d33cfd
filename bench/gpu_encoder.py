"""The default encoder on a CUDA device, beside its matrix products alone.

    python -m bench.gpu_encoder FOLDER

Writes gpu-encoder.json and gpu-encoder.svg there. Texts have 20 words, each one token, so that no
tokenizer is needed. The floor is cuBLAS multiplying matrices of the same shapes and nothing else.
Where tokenizers and onnxruntime are installed, whole texts go through the server's embedder too.
Promise 22: at least 20,000 texts a second.
"""

import argparse
import asyncio
import importlib.util
import json
import random
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cupy
import numpy as np
import numpy.typing as npt

from bench.bars import bars
from bench.text import text
from bench.timed import TimedCard
from semvec.embed.architecture import Architecture
from semvec.embed.forward import Forward
from semvec.embed.packaged import DIRECTORY
from semvec.embed.packed import PackedTexts
from semvec.embed.target import MAX_TARGET_TOKENS, Target
from semvec.embed.weights import Weights
from semvec.kernels.cupy_ import CudaDevice
from semvec.kernels.protocol import DeviceArray

WORDS = 20
BATCHES = 1, 8, 64, 256, MAX_TARGET_TOKENS // (WORDS + 2)
WARM, ROUNDS = 3, 21
WANTED = 20_000
"""Texts a second, promised."""
REQUESTS, TEXTS = 16, 256
"""Requests at once to the embedder, and the texts of each."""
CHANCE = random.Random(0)


@dataclass(frozen=True, slots=True)
class Figure:
    """Medians: `call_ms` for the caller, from packing to vectors on the CPU, `kernels_ms` the
    kernels and products on the device, `floor_ms` the products alone, one after the other."""

    texts: int
    tokens: int
    call_ms: float
    kernels_ms: float
    floor_ms: float
    by_kernel_ms: dict[str, float]

    @property
    def texts_per_second(self) -> float:
        return 1e3 * self.texts / self.call_ms


class Bench:
    def __init__(self) -> None:
        self._shape = Architecture.read(DIRECTORY)
        weights = Weights.load(DIRECTORY / "model.safetensors")
        self._card, self._timed = CudaDevice(), TimedCard()
        self._forward = Forward(self._card, self._shape, weights, MAX_TARGET_TOKENS)
        self._marked = Forward(self._timed, self._shape, weights, MAX_TARGET_TOKENS)
        tokenizer = json.loads((DIRECTORY / "tokenizer.json").read_text())
        self._ids: dict[str, int] = tokenizer["model"]["vocab"]

    def figure(self, texts: int) -> Figure:
        windows = [self._window() for _ in range(texts)]
        calls, kernels = [], []
        for _ in range(WARM + ROUNDS):
            start = time.perf_counter()
            packed = _packed(windows)
            self._forward.run(packed)
            calls.append(1e3 * (time.perf_counter() - start))
            self._marked.run(packed)
            kernels.append(self._timed.spent_by_kernel_ms())
        by_kernel = {
            name: statistics.median(each[name] for each in kernels[WARM:]) for name in kernels[-1]
        }
        return Figure(
            texts,
            len(packed.ids),
            statistics.median(calls[WARM:]),
            sum(by_kernel.values()),
            self._floor_ms(len(packed.ids)),
            by_kernel,
        )

    def _window(self) -> npt.NDArray[np.int64]:
        words = [self._ids[word] for word in text(CHANCE, WORDS).split()]
        return np.array([self._ids["[CLS]"], *words, self._ids["[SEP]"]])

    def _floor_ms(self, tokens: int) -> float:
        width, inner, layers = self._shape.hidden, self._shape.intermediate, self._shape.layers
        shapes = ((3 * width, width), (width, width), (inner, width), (width, inner))
        weights = [self._noise(*shape) for shape in shapes]
        rows = {each: self._noise(tokens, each) for each in (width, inner)}
        found = [self._card.empty((tokens, outputs), np.float16) for outputs, _ in shapes]

        def products() -> None:
            for _ in range(layers):
                for weight, out in zip(weights, found, strict=True):
                    self._card.matmul(rows[weight.shape[1]], weight, out)

        return self._took_ms(products)

    def _noise(self, rows: int, numbers: int) -> DeviceArray:
        """Not zeros, which a card multiplies faster."""
        noise = np.random.default_rng(0).standard_normal((rows, numbers), np.float32)
        return self._card.place(noise.astype(np.float16))

    def _took_ms(self, call: Callable[[], object]) -> float:
        times = []
        for _ in range(WARM + ROUNDS):
            begin, end = cupy.cuda.Event(), cupy.cuda.Event()
            with self._card.ordered():
                begin.record()
                call()
                end.record()
            end.synchronize()
            times.append(cupy.cuda.get_elapsed_time(begin, end))
        return float(statistics.median(times[WARM:]))


def _packed(windows: Sequence[npt.NDArray[np.int64]]) -> PackedTexts:
    ones = np.ones(WORDS, np.float32)
    return PackedTexts.of(windows, [slice(1, WORDS + 1, 1)] * len(windows), [ones] * len(windows))


async def texts_per_second() -> float:
    """From texts to vectors and codes, through the embedder that the server uses."""
    from semvec.embed.local import LocalEmbedder

    embedder = LocalEmbedder(DIRECTORY)
    await embedder.start(Target(CudaDevice))
    rates = []
    for _ in range(5):
        requests = [[text(CHANCE, WORDS) for _ in range(TEXTS)] for _ in range(REQUESTS)]
        start = time.perf_counter()
        await asyncio.gather(*map(embedder.encode, requests))
        rates.append(REQUESTS * TEXTS / (time.perf_counter() - start))
    await embedder.close()
    return max(rates)


def told(each: Figure) -> str:
    return (
        f"{each.texts:>5} texts, {each.tokens:>6} tokens  call {each.call_ms:7.3f} ms"
        f"  kernels {each.kernels_ms:7.3f}  products alone {each.floor_ms:7.3f}"
        f"  {each.texts_per_second:>10,.0f} texts/s"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    name = cupy.cuda.runtime.getDeviceProperties(0)["name"].decode()
    bench, figures = Bench(), []
    for texts in BATCHES:
        figures.append(bench.figure(texts))
        print(told(figures[-1]), flush=True)
    report: dict[str, Any] = {"device": name, "figures": [asdict(each) for each in figures]}
    if all(map(importlib.util.find_spec, ("tokenizers", "onnx", "onnxruntime", "Stemmer"))):
        report["texts_per_second_from_texts"] = asyncio.run(texts_per_second())
        print(f"from texts, with their tokenizer: {report['texts_per_second_from_texts']:,.0f}/s")
    (folder / "gpu-encoder.json").write_text(json.dumps(report, indent=1) + "\n")
    title = f"Texts of {WORDS} words a second beside the {WANTED:,} promised, on {name}"
    shares = [(f"{each.texts} at once", each.texts_per_second / WANTED) for each in figures]
    (folder / "gpu-encoder.svg").write_text(bars(title, shares))


if __name__ == "__main__":
    main()
