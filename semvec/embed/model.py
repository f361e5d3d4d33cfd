"""A loaded encoder: token windows in, vectors out."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import onnxruntime

from semvec.embed.architecture import Architecture
from semvec.embed.graph import Graph, encoder_graph
from semvec.embed.weights import Weights
from semvec.embed.windows import Window, Windows
from semvec.tokens import tokens_of
from semvec.vectors import Encoding, Vector

CONFIG, WEIGHTS, TOKENIZER = "config.json", "model.safetensors", "tokenizer.json"


@dataclass(frozen=True, slots=True, eq=False)
class Encoded:
    """One window as vectors: pooled (d,), and (n, d) for the n tokens that it answers for."""

    vector: Vector
    tokens: Vector
    window: Window


@dataclass(frozen=True, slots=True, eq=False)
class Model:
    """Safe to run from several threads at once; each run is one thread's work.

    Small batches on several threads beat one large batch spread over them: a forward pass is two
    hundred short operations, and each would wait for the slowest thread.
    """

    dimension: int
    windows: Windows
    session: onnxruntime.InferenceSession

    @classmethod
    def load(cls, directory: Path, sums: Mapping[str, str] | None = None) -> Self:
        """Reads a model directory; every file named in `sums` must have that SHA-256.

        OSError if a file cannot be read, ValueError if it is damaged or of an unknown kind.
        """
        missing = [
            name for name in (CONFIG, WEIGHTS, TOKENIZER) if not (directory / name).is_file()
        ]
        if missing:
            raise FileNotFoundError(f"{directory} is no model directory: no {', '.join(missing)}")
        for name, expected in (sums or {}).items():
            _verify(directory / name, expected)
        shape = Architecture.read(directory)
        weights = Weights.load(directory / WEIGHTS)
        windows = Windows.load(directory / TOKENIZER, shape.window, shape.vocabulary)
        return cls(shape.hidden, windows, open_session(encoder_graph(shape, weights)))

    def run(self, windows: Sequence[Window]) -> list[Encoded]:
        """One forward pass; the windows are padded to the longest."""
        lengths = np.array([len(window.ids) for window in windows], np.int32)
        ids = np.zeros((len(windows), int(lengths.max())), np.int64)
        for row, window in zip(ids, windows, strict=True):
            row[: len(window.ids)] = window.ids
        pooled, tokens = self.session.run(["pooled", "tokens"], {"ids": ids, "lengths": lengths})
        return [
            Encoded(vector.copy(), rows[window.own].copy(), window)
            for vector, rows, window in zip(pooled, tokens, windows, strict=True)
        ]


def open_session(graph: Graph) -> onnxruntime.InferenceSession:
    """A session whose runs stay on the thread that asks for them."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.enable_mem_pattern = False  # a plan for every shape seen: memory without speed
    options.log_severity_level = 3
    values = [onnxruntime.OrtValue.ortvalue_from_numpy(array) for array in graph.tensors.values()]
    options.add_external_initializers(list(graph.tensors), values)
    return onnxruntime.InferenceSession(
        graph.model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )


def join(parts: Sequence[Encoded]) -> Encoding:
    """The encoding of the text whose windows these are, in order."""
    if len(parts) == 1:
        vector = parts[0].vector
    else:
        total = np.sum([part.vector for part in parts], axis=0)
        vector = total / np.linalg.norm(total)
    tokens = np.concatenate([part.tokens for part in parts])
    return Encoding(vector, tokens_of(tokens, [w for part in parts for w in part.window.words]))


def _verify(path: Path, expected: str) -> None:
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != expected:
        raise ValueError(f"{path} is damaged: its SHA-256 is {found}, expected {expected}")
