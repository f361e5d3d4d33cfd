"""The encoder's forward pass on a device: packed windows in, pooled vectors and token vectors out.

Windows lie one after the other and nothing is padded. Matrices and states are float16, sums and
what lies between two matrix products float32. What a pass needs is allocated once, for the most
tokens that it may be given.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from semvec.embed.architecture import Architecture
from semvec.embed.weights import Weights
from semvec.kernels.device import THREADS, WARP, Device
from semvec.kernels.protocol import Array
from semvec.tokens import projection
from semvec.vectors import Vector

MOST_TOKENS = 16_384
"""Tokens of one pass: enough to keep a card busy, and 190 MB with the packaged model."""
CHUNK = 8
"""Numbers in 16 bytes of float16: rows are read so."""
WIDEST = 1024
"""Numbers of a state that a warp has room for."""
HEADS = (32, 64)
"""Numbers of an attention head that there is a kernel for."""
TILE = 16
"""Tokens of a window that a warp takes past its keys at once."""

Ints = npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True, eq=False)
class Packed:
    """n windows of t tokens together: the tokens' `ids`, shape (t,), and the windows' `lengths`,
    shape (n,). Vectors are wanted for the tokens `chosen`, shape (c,), counted among all."""

    ids: Ints
    lengths: Ints
    chosen: Ints

    @classmethod
    def of(cls, ids: Sequence[npt.NDArray[Any]], own: Sequence[slice]) -> "Packed":
        """One or more windows, with the places in each whose vectors are wanted."""
        lengths = np.array([len(each) for each in ids], np.int32)
        starts = (np.cumsum(lengths) - lengths).tolist()
        chosen = [
            np.arange(start + each.start, start + each.stop, each.step)
            for start, each in zip(starts, own, strict=True)
        ]
        return cls(
            np.concatenate(ids).astype(np.int32), lengths, np.concatenate(chosen).astype(np.int32)
        )


@dataclass(frozen=True, slots=True, eq=False)
class Passed:
    """Unit vectors: of windows, (n, d), and of the chosen tokens, projected, (c, p); float32."""

    pooled: Vector
    tokens: Vector


@dataclass(frozen=True, slots=True, eq=False)
class _Dense:
    """A matrix (out, in) and its bias."""

    matrix: Array
    bias: Array


@dataclass(frozen=True, slots=True, eq=False)
class _Norm:
    gain: Array
    offset: Array


@dataclass(frozen=True, slots=True, eq=False)
class _Layer:
    attention: _Dense
    joined: _Dense
    after_attention: _Norm
    widened: _Dense
    narrowed: _Dense
    after: _Norm


class Forward:
    """One caller at a time. ValueError for a model that the kernels have no room for."""

    def __init__(
        self, device: Device, shape: Architecture, weights: Weights, most_tokens: int = MOST_TOKENS
    ) -> None:
        _check(shape)
        self._device, self._shape = device, shape
        self.most_tokens = max(most_tokens, shape.window)
        placing = _Placing(device, shape, weights)
        self._words, self._places = placing.words(), placing.places()
        self._norm = placing.norm("embeddings.")
        self._layers = [placing.layer(f"encoder.layer.{n}.") for n in range(shape.layers)]
        self._projection = device.place(projection(shape.hidden).T.astype(np.float16))
        width = shape.hidden
        self._states, self._parts, self._joined, self._added, self._inner, self._rows = (
            device.empty((self.most_tokens, numbers), np.float16)
            for numbers in (
                *(width, 3 * width, width, width, shape.intermediate, len(self._projection)),
            )
        )

    def run(self, packed: Packed) -> Passed:
        """ValueError for more than `most_tokens`."""
        tokens, windows = len(packed.ids), len(packed.lengths)
        if tokens > self.most_tokens:
            raise ValueError(f"{tokens} tokens are more than the {self.most_tokens} of one pass")
        starts = (np.cumsum(packed.lengths) - packed.lengths).astype(np.int32)
        at = np.arange(tokens, dtype=np.int32) - np.repeat(starts, packed.lengths)
        shown = packed.lengths
        if self._shape.pooling == "cls":
            shown = np.ones_like(shown)
        ids, at, firsts, shown, tiles, chosen = self._device.upload(
            packed.ids, at, starts, shown, _tiles(starts, packed.lengths), packed.chosen
        )
        self._embed(ids, at, tokens)
        for layer in self._layers:
            self._run_layer(layer, tokens, tiles)
        states, rows = self._states[:tokens], self._rows[:tokens]
        self._device.matmul(states, self._projection, rows)
        width, narrow = states.shape[1], rows.shape[1]
        pooled = self._device.empty((windows, width), np.float32)
        units = self._device.empty((len(chosen), narrow), np.float32)
        shared = THREADS // WARP * width * 4
        self._launch("pooled", windows, shared, states, firsts, shown, np.int32(width), pooled)
        number = np.int64(len(chosen))
        self._by_row("units", len(chosen), rows, chosen, number, np.int32(narrow), units)
        return Passed(*self._device.download(pooled, units))

    def _embed(self, ids: Array, at: Array, tokens: int) -> None:
        sizes = np.int64(tokens), np.int32(self._shape.hidden)
        arguments = self._words, self._places, ids, at, *sizes, *self._normed(self._norm)
        self._by_row("embedded", tokens, *arguments, self._states)

    def _run_layer(self, layer: _Layer, tokens: int, tiles: Array) -> None:
        states, parts, joined, added, inner = (
            each[:tokens]
            for each in (self._states, self._parts, self._joined, self._added, self._inner)
        )
        multiply = self._device.matmul
        multiply(states, layer.attention.matrix, parts)
        self._attend(parts, layer.attention.bias, tiles, joined)
        multiply(joined, layer.joined.matrix, added)
        self._residual(added, layer.joined.bias, layer.after_attention, states)
        multiply(states, layer.widened.matrix, inner)
        width = self._shape.intermediate
        blocks = -(-tokens * width // (CHUNK * THREADS))
        self._launch(
            "gelu", blocks, 0, layer.widened.bias, np.int64(tokens), np.int32(width), inner
        )
        multiply(inner, layer.narrowed.matrix, added)
        self._residual(added, layer.narrowed.bias, layer.after, states)

    def _attend(self, parts: Array, biases: Array, tiles: Array, joined: Array) -> None:
        heads = self._shape.heads
        numbers = self._shape.hidden // heads
        scale = np.float32(math.log2(math.e) / math.sqrt(numbers))
        arguments = parts, biases, tiles, np.int32(len(tiles)), np.int32(heads), scale, joined
        self._by_row(f"heads_{numbers}", len(tiles) * heads, *arguments)

    def _residual(self, added: Array, bias: Array, norm: _Norm, states: Array) -> None:
        sizes = np.int64(len(states)), np.int32(states.shape[1])
        self._by_row("residual", len(states), added, bias, *sizes, *self._normed(norm), states)

    def _normed(self, norm: _Norm) -> tuple[Array | np.generic, ...]:
        return norm.gain, norm.offset, np.float32(self._shape.epsilon)

    def _by_row(self, kernel: str, rows: int, *arguments: Array | np.generic) -> None:
        """One warp a row."""
        self._launch(kernel, -(-rows * WARP // THREADS), 0, *arguments)

    def _launch(
        self, kernel: str, blocks: int, shared: int, *arguments: Array | np.generic
    ) -> None:
        if blocks:
            self._device.launch(kernel, None, (blocks, 1), THREADS, shared, *arguments)


class _Placing:
    """Weights on their way to the device: int8 matrices become what they stand for, float16."""

    def __init__(self, device: Device, shape: Architecture, weights: Weights) -> None:
        self._device, self._shape, self._weights = device, shape, weights

    def words(self) -> Array:
        return self._halves(self._table("word", self._shape.vocabulary))

    def places(self) -> Array:
        """Rows of positions, with that of the first type of token in each."""
        places = self._table("position", self._shape.positions)[self._shape.first_position :]
        return self._halves(places + self._table("token_type", self._shape.token_types)[0])

    def layer(self, prefix: str) -> _Layer:
        width, inner = self._shape.hidden, self._shape.intermediate
        attention = [f"{prefix}attention.self.{part}" for part in ("query", "key", "value")]
        return _Layer(
            self._dense(attention, width, width),
            self._dense([f"{prefix}attention.output.dense"], width, width),
            self.norm(f"{prefix}attention.output."),
            self._dense([f"{prefix}intermediate.dense"], inner, width),
            self._dense([f"{prefix}output.dense"], width, inner),
            self.norm(f"{prefix}output."),
        )

    def norm(self, prefix: str) -> _Norm:
        gain, offset = (
            self._weights.vector(f"{prefix}LayerNorm.{part}", self._shape.hidden)
            for part in ("weight", "bias")
        )
        return _Norm(self._device.place(gain), self._device.place(offset))

    def _dense(self, names: Sequence[str], outputs: int, inputs: int) -> _Dense:
        """Several matrices that read the same rows, one below the other."""
        matrices = [
            self._weights.matrix(f"{name}.weight", (outputs, inputs)).dequantised()
            for name in names
        ]
        biases = [self._weights.vector(f"{name}.bias", outputs) for name in names]
        return _Dense(
            self._halves(np.concatenate(matrices)), self._device.place(np.concatenate(biases))
        )

    def _table(self, name: str, rows: int) -> Vector:
        tensor = f"embeddings.{name}_embeddings.weight"
        return self._weights.matrix(tensor, (rows, self._shape.hidden)).dequantised()

    def _halves(self, values: Vector) -> Array:
        halves = values.astype(np.float16)
        if not np.isfinite(halves).all():
            raise ValueError("the weights hold numbers that float16 has no room for")
        return self._device.place(halves)


def _check(shape: Architecture) -> None:
    width, numbers = shape.hidden, shape.hidden // shape.heads
    if width % CHUNK or width > WIDEST or shape.intermediate % CHUNK:
        raise ValueError(
            f"states of {width} and {shape.intermediate} numbers: on a device they are multiples "
            f"of {CHUNK}, and states have {WIDEST} at most"
        )
    if numbers not in HEADS or width != numbers * shape.heads:
        raise ValueError(f"attention heads of {numbers} numbers: on a device they have 32 or 64")


def _tiles(starts: Ints, lengths: Ints) -> Ints:
    """`Tile` in heads.cu, shape (tiles, 3)."""
    numbers = -(-lengths // TILE)
    window = np.repeat(np.arange(len(lengths)), numbers)
    place = np.arange(len(window)) - np.repeat(np.cumsum(numbers) - numbers, numbers)
    return np.stack([starts[window], lengths[window], TILE * place], axis=1).astype(np.int32)
