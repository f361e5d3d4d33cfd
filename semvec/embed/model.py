"""The encoder on the CPU: a graph for onnxruntime."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import onnxruntime

from semvec.embed.directory import ModelDirectory
from semvec.embed.encoded import Encoded, Pace
from semvec.embed.graph import Graph, encoder_graph
from semvec.embed.windows import Window, Windows

BATCH_TOKENS = 512
"""Padded tokens of one forward pass; larger ones fall out of the processor's cache."""
PACE = Pace(BATCH_TOKENS, True, turn_characters=2_000, pending_characters=1_000_000)
"""What may wait is some ten seconds of work."""


@dataclass(frozen=True, slots=True, eq=False)
class CpuModel:
    """Each run is one thread's work.

    Small batches on several threads beat one large batch spread over them: a forward pass is two
    hundred short operations, and each would wait for the slowest thread.
    """

    dimension: int
    windows: Windows
    session: onnxruntime.InferenceSession
    pace: Pace = PACE

    @classmethod
    def load(cls, directory: Path, sums: Mapping[str, str] | None = None) -> Self:
        """OSError or ValueError as from `ModelDirectory.read`."""
        return cls.of(ModelDirectory.read(directory, sums))

    @classmethod
    def of(cls, model: ModelDirectory) -> Self:
        shape = model.shape
        windows = Windows.load(model.tokenizer, shape.window, shape.vocabulary)
        return cls(shape.hidden, windows, open_session(encoder_graph(shape, model.weights)))

    def run(self, windows: Sequence[Window]) -> list[Encoded]:
        """The windows are padded to the longest."""
        lengths = np.array([len(window.ids) for window in windows], np.int32)
        ids = np.zeros((len(windows), int(lengths.max())), np.int64)
        for row, window in zip(ids, windows, strict=True):
            row[: len(window.ids)] = window.ids
        pooled, tokens = self.session.run(["pooled", "tokens"], {"ids": ids, "lengths": lengths})
        return [
            Encoded(vector.copy(), rows[window.own].copy(), window)
            for vector, rows, window in zip(pooled, tokens, windows, strict=True)
        ]

    def close(self) -> None:
        """Nothing is held that has to be given back."""


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
