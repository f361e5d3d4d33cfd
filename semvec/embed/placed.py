"""An encoder's weights in a device's memory, float16: int8 ones become what they stand for."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from semvec.embed.architecture import Architecture
from semvec.embed.weights import Weights
from semvec.kernels.device import GpuDevice
from semvec.kernels.protocol import DeviceArray
from semvec.tokens import projection
from semvec.vectors import Vector


@dataclass(frozen=True, slots=True, eq=False)
class Dense:
    """A matrix (out, in), float16, and its bias, float32."""

    matrix: DeviceArray
    bias: DeviceArray


@dataclass(frozen=True, slots=True, eq=False)
class Norm:
    """Float32."""

    gain: DeviceArray
    offset: DeviceArray


@dataclass(frozen=True, slots=True, eq=False)
class Layer:
    """`attention` are queries, keys and values, one below the other."""

    attention: Dense
    joined: Dense
    after_attention: Norm
    widened: Dense
    narrowed: Dense
    after: Norm


@dataclass(frozen=True, slots=True, eq=False)
class DeviceWeights:
    """All of a model; `places` hold positions and the first type of token, `projection` is that of
    `semvec.tokens`, shape (p, d)."""

    words: DeviceArray
    places: DeviceArray
    norm: Norm
    layers: Sequence[Layer]
    projection: DeviceArray

    @classmethod
    def on(cls, device: GpuDevice, shape: Architecture, weights: Weights) -> "DeviceWeights":
        """ValueError for weights that do not fit the shape or float16."""
        placing = _Placing(device, shape, weights)
        return cls(
            placing.words(),
            placing.places(),
            placing.norm("embeddings."),
            [placing.layer(f"encoder.layer.{number}.") for number in range(shape.layers)],
            placing.halves(projection(shape.hidden).T),
        )


class _Placing:
    def __init__(self, device: GpuDevice, shape: Architecture, weights: Weights) -> None:
        self._device, self._shape, self._weights = device, shape, weights

    def words(self) -> DeviceArray:
        return self.halves(self._table("word", self._shape.vocabulary))

    def places(self) -> DeviceArray:
        places = self._table("position", self._shape.positions)[self._shape.first_position :]
        return self.halves(places + self._table("token_type", self._shape.token_types)[0])

    def layer(self, prefix: str) -> Layer:
        width, inner = self._shape.hidden, self._shape.intermediate
        attention = [f"{prefix}attention.self.{part}" for part in ("query", "key", "value")]
        return Layer(
            self._dense(attention, width, width),
            self._dense([f"{prefix}attention.output.dense"], width, width),
            self.norm(f"{prefix}attention.output."),
            self._dense([f"{prefix}intermediate.dense"], inner, width),
            self._dense([f"{prefix}output.dense"], width, inner),
            self.norm(f"{prefix}output."),
        )

    def norm(self, prefix: str) -> Norm:
        gain, offset = (
            self._weights.vector(f"{prefix}LayerNorm.{part}", self._shape.hidden)
            for part in ("weight", "bias")
        )
        return Norm(self._device.place(gain), self._device.place(offset))

    def halves(self, values: Vector) -> DeviceArray:
        if np.abs(values).max(initial=0.0) > np.finfo(np.float16).max:
            raise ValueError("the weights hold numbers that float16 has no room for")
        return self._device.place(np.ascontiguousarray(values, np.float16))

    def _dense(self, names: Sequence[str], outputs: int, inputs: int) -> Dense:
        matrices = [self._weights.matrix(f"{name}.weight", (outputs, inputs)) for name in names]
        biases = [self._weights.vector(f"{name}.bias", outputs) for name in names]
        return Dense(
            self.halves(np.concatenate([matrix.dequantised() for matrix in matrices])),
            self._device.place(np.concatenate(biases)),
        )

    def _table(self, name: str, rows: int) -> Vector:
        tensor = f"embeddings.{name}_embeddings.weight"
        return self._weights.matrix(tensor, (rows, self._shape.hidden)).dequantised()
