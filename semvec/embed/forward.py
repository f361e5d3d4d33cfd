"""The encoder's forward pass on a device: packed windows in, pooled vectors and token vectors out.

Matrices and states are float16; sums, and what lies between two matrix products, float32. What the
states need is allocated once, for the most tokens that a pass may be given.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from semvec.embed.architecture import Architecture
from semvec.embed.packed import PackedTexts
from semvec.embed.placed import DeviceWeights, Layer, Norm
from semvec.embed.weights import Weights
from semvec.kernels.device import BLOCK_THREADS, WARP, GpuDevice
from semvec.kernels.protocol import DeviceArray
from semvec.vectors import Vector

FORWARD_CHUNK = 8
"""Numbers in 16 bytes of float16: rows are read so."""
WIDEST = 1024
"""Numbers of a state that a warp has room for."""
HEAD_WIDTHS = (32, 64)
"""Numbers of an attention head that there is a kernel for."""

CLUSTER_NUMBERS = 5
"""Numbers of a cluster beside its sums and costs: see `Clusters` in ward.cu."""


@dataclass(frozen=True, slots=True, eq=False)
class Passed:
    """Unit vectors of windows, (n, d), and of the chosen tokens, projected, (c, p), float32; the
    codes that windows are pooled to, one after the other, (k, p), int8."""

    pooled: Vector
    tokens: Vector
    codes: npt.NDArray[np.int8]


class Forward:
    """One caller at a time. ValueError for a model that the kernels have no room for."""

    def __init__(
        self, device: GpuDevice, shape: Architecture, weights: Weights, most_tokens: int
    ) -> None:
        _check(shape)
        self._device, self._shape = device, shape
        self.most_tokens = max(most_tokens, shape.window)
        self._placed = DeviceWeights.on(device, shape, weights)
        width, narrow = shape.hidden, len(self._placed.projection)
        self._states, self._parts, self._joined, self._added, self._inner, self._rows = (
            device.empty((self.most_tokens, numbers), np.float16)
            for numbers in (width, 3 * width, width, width, shape.intermediate, narrow)
        )

    def run(self, packed: PackedTexts) -> Passed:
        """ValueError for more than `most_tokens`."""
        tokens = len(packed.ids)
        if tokens > self.most_tokens:
            raise ValueError(f"{tokens} tokens are more than the {self.most_tokens} of one pass")
        shown = packed.lengths
        if self._shape.pooling == "cls":
            shown = np.ones_like(shown)
        ids, places, tiles, firsts, shown, chosen, *pooling = self._device.upload(
            packed.ids,
            packed.places(),
            packed.tiles(),
            packed.starts(),
            shown,
            packed.chosen,
            packed.heard,
            packed.weights,
            packed.firsts,
            packed.rooms,
        )
        self._embed(ids, places, tokens)
        for layer in self._placed.layers:
            self._run(layer, tokens, tiles)
        pooled = self._pooled(tokens, firsts, shown)
        units = self._units(tokens, chosen)
        codes = self._cluster(packed, units, *pooling)
        return Passed(*self._device.download(pooled, units, codes))

    def _embed(self, ids: DeviceArray, places: DeviceArray, tokens: int) -> None:
        placed, sizes = self._placed, (np.int64(tokens), np.int32(self._shape.hidden))
        arguments = placed.words, placed.places, ids, places, *sizes, *self._normed(placed.norm)
        self._by_row("embedded", tokens, *arguments, self._states)

    def _run(self, layer: Layer, tokens: int, tiles: DeviceArray) -> None:
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
        sizes = np.int64(tokens), np.int32(self._shape.intermediate)
        blocks = -(-inner.size // (FORWARD_CHUNK * BLOCK_THREADS))
        self._launch("gelu", blocks, 0, layer.widened.bias, *sizes, inner)
        multiply(inner, layer.narrowed.matrix, added)
        self._residual(added, layer.narrowed.bias, layer.after, states)

    def _attend(
        self, parts: DeviceArray, biases: DeviceArray, tiles: DeviceArray, joined: DeviceArray
    ) -> None:
        heads = self._shape.heads
        numbers = self._shape.hidden // heads
        scale = np.float32(math.log2(math.e) / math.sqrt(numbers))
        arguments = parts, biases, tiles, np.int32(len(tiles)), np.int32(heads), scale, joined
        self._by_row(f"heads_{numbers}", len(tiles) * heads, *arguments)

    def _residual(
        self, added: DeviceArray, bias: DeviceArray, norm: Norm, states: DeviceArray
    ) -> None:
        sizes = np.int64(len(states)), np.int32(states.shape[1])
        self._by_row("residual", len(states), added, bias, *sizes, *self._normed(norm), states)

    def _normed(self, norm: Norm) -> tuple[DeviceArray | np.generic, ...]:
        return norm.gain, norm.offset, np.float32(self._shape.epsilon)

    def _pooled(self, tokens: int, firsts: DeviceArray, shown: DeviceArray) -> DeviceArray:
        width = self._shape.hidden
        found = self._device.empty((len(firsts), width), np.float32)
        shared = BLOCK_THREADS // WARP * width * found.itemsize
        arguments = self._states[:tokens], firsts, shown, np.int32(width), found
        self._launch("pooled", len(firsts), shared, *arguments)
        return found

    def _units(self, tokens: int, chosen: DeviceArray) -> DeviceArray:
        rows = self._rows[:tokens]
        self._device.matmul(self._states[:tokens], self._placed.projection, rows)
        found = self._device.empty((len(chosen), rows.shape[1]), np.float32)
        sizes = np.int64(len(chosen)), np.int32(rows.shape[1])
        self._by_row("units", len(chosen), rows, chosen, *sizes, found)
        return found

    def _cluster(
        self, packed: PackedTexts, units: DeviceArray, *pooling: DeviceArray
    ) -> DeviceArray:
        """`pooling` is what `packed` says of it, on the device."""
        numbers, most = units.shape[1], packed.most_pooled
        codes = self._device.empty((int(packed.rooms[-1]), numbers), np.int8)
        if len(codes):
            shared = 4 * most * (numbers + most + CLUSTER_NUMBERS)
            arguments = units, np.int32(numbers), *pooling, codes
            self._launch("clustered", len(packed.lengths), shared, *arguments)
        return codes

    def _by_row(self, kernel: str, rows: int, *arguments: DeviceArray | np.generic) -> None:
        """One warp a row."""
        self._launch(kernel, -(-rows * WARP // BLOCK_THREADS), 0, *arguments)

    def _launch(self, kernel: str, blocks: int, shared: int, *arguments: Any) -> None:
        if blocks:
            self._device.launch(kernel, None, (blocks, 1), BLOCK_THREADS, shared, *arguments)


def _check(shape: Architecture) -> None:
    width, numbers = shape.hidden, shape.hidden // shape.heads
    if width % FORWARD_CHUNK or width > WIDEST or shape.intermediate % FORWARD_CHUNK:
        raise ValueError(
            f"states of {width} and {shape.intermediate} numbers: on a device they are multiples "
            f"of {FORWARD_CHUNK}, and states have {WIDEST} at most"
        )
    if numbers not in HEAD_WIDTHS or width != numbers * shape.heads:
        raise ValueError(f"attention heads of {numbers} numbers: on a device they have 32 or 64")
