"""Makes the int8 form of a model directory: `python -m semvec.embed.quantise SOURCE TARGET`.

Matrices become int8, one symmetric scale for each output. The states that leave a LayerNorm hold
a few channels ten times as large as the rest, which would cost all others their precision in a
row's one scale; so each channel is divided by the root of its peak over the median peak, and the
weights that read it are multiplied by the same (SmoothQuant, https://arxiv.org/abs/2211.10438).
Peaks are measured on random token ids: no text is needed, and no text is favoured.
"""

import hashlib
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from semvec.embed.architecture import Architecture
from semvec.embed.graph import encoder_graph, tapped
from semvec.embed.model import open_session
from semvec.embed.weights import HostArray, WeightArray, Weights, write_tensors

COPIED = ("config.json", "tokenizer.json", "1_Pooling/config.json", "sentence_bert_config.json")
LENGTHS = (4, 8, 16, 32, 64, 128)
CALIBRATION_TEXTS = 32
SEED = 20261121
STEPS_PER_OCTAVE = 4
"""Channel divisors are powers of two to a quarter: rounding errors of a machine fall away."""


def quantise(source: Path, target: Path) -> dict[str, str]:
    """Writes `target` and returns the SHA-256 of each of its files by name."""
    shape = Architecture.read(source)
    weights = Weights.load(source / "model.safetensors")
    target.mkdir(parents=True, exist_ok=True)
    for name in COPIED:
        if (source / name).exists():
            (target / name).parent.mkdir(exist_ok=True)
            shutil.copyfile(source / name, target / name)
    write_tensors(target / "model.safetensors", tensors(shape, weights))
    files = sorted(path for path in target.rglob("*") if path.is_file())
    return {
        str(path.relative_to(target)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
    }


def tensors(shape: Architecture, weights: Weights) -> dict[str, HostArray]:
    """The int8 tensors of a model and what stays float32 beside them."""
    width, inner = shape.hidden, shape.intermediate
    out: dict[str, HostArray] = {}
    embeddings = "embeddings.word_embeddings"
    words = weights.matrix(f"{embeddings}.weight", (shape.vocabulary, width)).dequantised()
    out |= _int8(embeddings, words)
    for name, rows in (
        ("position_embeddings", shape.positions),
        ("token_type_embeddings", shape.token_types),
    ):
        tensor = f"embeddings.{name}.weight"
        out[tensor] = weights.matrix(tensor, (rows, width)).dequantised()
    divisors = {name: _divisors(peak) for name, peak in _peaks(shape, weights).items()}
    read_by = _readers(shape)
    for name in norms(shape):
        for part in ("weight", "bias"):
            out[f"{name}.{part}"] = weights.vector(f"{name}.{part}", width)
    for layer in range(shape.layers):
        prefix = f"encoder.layer.{layer}."
        for name, outputs, inputs in (
            (f"{prefix}attention.self.query", width, width),
            (f"{prefix}attention.self.key", width, width),
            (f"{prefix}attention.self.value", width, width),
            (f"{prefix}attention.output.dense", width, width),
            (f"{prefix}intermediate.dense", inner, width),
            (f"{prefix}output.dense", width, inner),
        ):
            matrix = weights.matrix(f"{name}.weight", (outputs, inputs)).dequantised()
            divisor = divisors[read_by[name]] if name in read_by else None
            out |= _int8(name, matrix, divisor)
            out[f"{name}.bias"] = weights.vector(f"{name}.bias", outputs)
    return out


def norms(shape: Architecture) -> list[str]:
    """Names of the LayerNorms, in order."""
    layers = [f"encoder.layer.{layer}." for layer in range(shape.layers)]
    return [
        "embeddings.LayerNorm",
        *(f"{layer}{part}output.LayerNorm" for layer in layers for part in ("attention.", "")),
    ]


def _readers(shape: Architecture) -> dict[str, str]:
    """Dense layers that read a LayerNorm, with its name."""
    names = norms(shape)
    out = {}
    for layer in range(shape.layers):
        prefix = f"encoder.layer.{layer}."
        for part in ("query", "key", "value"):
            out[f"{prefix}attention.self.{part}"] = names[2 * layer]
        out[f"{prefix}intermediate.dense"] = names[2 * layer + 1]
    return out


def _peaks(shape: Architecture, weights: Weights) -> dict[str, WeightArray]:
    """Largest magnitude of each channel after each LayerNorm, shape (d,)."""
    names = norms(shape)
    session = open_session(tapped(encoder_graph(shape, weights), names))
    random = np.random.default_rng(SEED)
    peaks = {name: np.zeros(shape.hidden, np.float32) for name in names}
    for length in LENGTHS:
        ids = random.integers(0, shape.vocabulary, (CALIBRATION_TEXTS, min(length, shape.window)))
        lengths = np.full(CALIBRATION_TEXTS, ids.shape[1], np.int32)
        for name, state in zip(
            names, session.run(names, {"ids": ids, "lengths": lengths}), strict=True
        ):
            np.maximum(peaks[name], np.abs(state).max(axis=0), out=peaks[name])
    return peaks


def _divisors(peak: WeightArray) -> WeightArray:
    excess = np.maximum(1, peak / np.median(peak))
    steps = np.rint(np.log2(excess) / 2 * STEPS_PER_OCTAVE) / STEPS_PER_OCTAVE
    divisors: WeightArray = np.exp2(steps).astype(np.float32)
    return divisors


def _int8(
    name: str, real: WeightArray, divisor: WeightArray | None = None
) -> Mapping[str, HostArray]:
    scaled = real if divisor is None else real * divisor
    peak = np.abs(scaled).max(axis=1)
    scale = np.where(peak > 0, peak / 127, 1).astype(np.float32)
    out: dict[str, HostArray] = {
        f"{name}.weight": np.rint(scaled / scale[:, None]).astype(np.int8),
        f"{name}.weight.scale": scale,
    }
    return out if divisor is None else out | {f"{name}.weight.input_scale": divisor}


if __name__ == "__main__":
    for file, digest in quantise(Path(sys.argv[1]), Path(sys.argv[2])).items():
        print(f"{digest}  {file}")
