"""The encoder's definition: a forward pass in float64, one window of token ids at a time."""

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from semvec.embed.architecture import Architecture
from semvec.embed.weights import Weights

Reals = npt.NDArray[np.float64]

erf = np.vectorize(math.erf, otypes=[np.float64])


def unit(values: Reals) -> Reals:
    out: Reals = values / np.linalg.norm(values, axis=-1, keepdims=True)
    return out


class Exact:
    """Float64 throughout."""

    def __init__(self, shape: Architecture, weights: Weights) -> None:
        self.shape, self.weights = shape, weights

    def vectors(self, ids: Sequence[int]) -> tuple[Reals, Reals]:
        """The pooled vector (d,) and all tokens' vectors (n, d), special ones too, unit length."""
        hidden = self.hidden(ids)
        pooled = hidden[0] if self.shape.pooling == "cls" else hidden.mean(axis=0)
        return unit(pooled), unit(hidden)

    def hidden(self, ids: Sequence[int]) -> Reals:
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
