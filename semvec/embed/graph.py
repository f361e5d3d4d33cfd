"""A BERT-family encoder as an ONNX graph, made from its weights.

Layers whose weights are int8 multiply in integers. Their input is quantised row by row, one scale
a token, so that a text's vectors do not depend on the texts that share its batch (one scale for
the whole tensor, the usual dynamic quantisation, moves them by up to 3 % of cosine).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

from semvec.embed.architecture import Architecture
from semvec.embed.weights import HostArray, Matrix, Weights

CONTRIB = "com.microsoft"
OPSETS = {"": 21, CONTRIB: 1}
IR_VERSION = 10
GELU_FLOOR = 0.17
"""GELU is never below -0.17: raised by it, the row fits unsigned bytes with nothing to spare."""
TINY = 1e-12

INLINE_BYTES = 1024
"""Larger constants stay outside the model, which would copy them three times over."""

Operand = tuple[str, str, str]
"""A quantised input: its bytes, its row scales, its zero point."""


@dataclass(frozen=True, slots=True, eq=False)
class Graph:
    """A model and the large tensors that it names but does not hold."""

    model: ModelProto
    tensors: dict[str, HostArray]


def encoder_graph(shape: Architecture, weights: Weights) -> Graph:
    """From `ids` int64 (b, s) and `lengths` int32 (b,) to `pooled` (b, d) and `tokens` (b, s, d).

    Texts are padded on the right; `lengths` counts real tokens. All vectors have unit length, and
    rows of `tokens` past a text's length mean nothing. ValueError if a tensor is missing or has
    another shape than the configuration says.
    """
    builder = _Builder(shape, weights)
    hidden = builder.embeddings()
    for layer in range(shape.layers):
        hidden = builder.layer(hidden, f"encoder.layer.{layer}.")
    builder.outputs(hidden)
    return builder.graph()


def tapped(graph: Graph, names: Sequence[str]) -> Graph:
    """The graph with some of its inner values as further outputs, for calibration."""
    model = ModelProto()
    model.CopyFrom(graph.model)
    model.graph.output.extend(
        helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in names
    )
    return replace(graph, model=model)


class _Builder:
    """Nodes and constants of one graph; between the layers values have shape (b * s, width)."""

    def __init__(self, shape: Architecture, weights: Weights) -> None:
        self._shape = shape
        self._weights = weights
        self._nodes: list[NodeProto] = []
        self._constants: dict[str, TensorProto] = {}
        self._outside: dict[str, HostArray] = {}
        batch = self._op("Shape", "ids")
        width = self._constant("width", np.array([shape.hidden]))
        self._ragged = self._op("Concat", batch, width, axis=0)
        self._flat = self._constant("flat", np.array([-1, shape.hidden]))
        self._minus_one = self._constant("minus_one", np.array([-1]))
        rows = self._op("ReduceProd", batch, keepdims=1)
        middle = helper.make_tensor("value", TensorProto.UINT8, [1], [128])
        self._middles = self._op("ConstantOfShape", rows, value=middle)

    def graph(self) -> Graph:
        vectors = TensorProto.FLOAT
        inputs = [
            helper.make_tensor_value_info("ids", TensorProto.INT64, ["b", "s"]),
            helper.make_tensor_value_info("lengths", TensorProto.INT32, ["b"]),
        ]
        outputs = [
            helper.make_tensor_value_info("pooled", vectors, ["b", self._shape.hidden]),
            helper.make_tensor_value_info("tokens", vectors, ["b", "s", self._shape.hidden]),
        ]
        constants = list(self._constants.values())
        graph = helper.make_graph(self._nodes, "encoder", inputs, outputs, constants)
        opsets = [helper.make_opsetid(domain, version) for domain, version in OPSETS.items()]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION)
        return Graph(model, self._outside)

    def embeddings(self) -> str:
        shape, name = self._shape, "embeddings.word_embeddings.weight"
        table = self._weights.matrix(name, (shape.vocabulary, shape.hidden))
        words = self._op("Gather", self._constant(name, table.values), "ids")
        if table.scale is not None:
            scales = self._constant(f"{name}.scale", table.scale[:, None])
            scale = self._op("Gather", scales, "ids")
            words = self._op("Mul", self._op("Cast", words, to=TensorProto.FLOAT), scale)
        summed = self._op("Add", words, self._positions())
        return self._norm(self._op("Reshape", summed, self._flat), "embeddings.LayerNorm")

    def layer(self, hidden: str, prefix: str) -> str:
        width, inner = self._shape.hidden, self._shape.intermediate
        attended = self._attention(hidden, prefix + "attention.self.")
        hidden = self._residual(hidden, attended, prefix + "attention.output.", width)
        dense = prefix + "intermediate.dense"
        (widened,) = self._project(hidden, [dense], inner, width)
        bias = self._constant(f"{dense}.bias", self._weights.vector(f"{dense}.bias", inner))
        active = self._op("Gelu", self._op("Add", widened, bias))
        return self._residual(hidden, active, prefix + "output.", inner, raised=True)

    def outputs(self, hidden: str) -> None:
        hidden = self._op("Reshape", hidden, self._ragged)
        self._unit(hidden, "tokens")
        if self._shape.pooling == "cls":
            pooled = self._op("Gather", hidden, self._constant("first", np.array(0)), axis=1)
        else:
            places = self._op("Range", *self._numbers(0), self._length(), *self._numbers(1))
            lengths = self._op("Cast", "lengths", to=TensorProto.INT64)
            real = self._op("Less", places, self._op("Unsqueeze", lengths, self._minus_one))
            mask = self._op("Cast", real, to=TensorProto.FLOAT)
            masked = self._op("Mul", hidden, self._op("Unsqueeze", mask, self._minus_one))
            over = self._constant("over_tokens", np.array([1]))
            pooled = self._op("ReduceSum", masked, over, keepdims=0)
        self._unit(pooled, "pooled")

    def _attention(self, hidden: str, prefix: str) -> str:
        width = self._shape.hidden
        names = [prefix + part for part in ("query", "key", "value")]
        parts = [
            self._op("Reshape", part, self._ragged)
            for part in self._project(hidden, names, width, width)
        ]
        biases = np.concatenate([self._weights.vector(f"{name}.bias", width) for name in names])
        attended = self._op(
            "MultiHeadAttention",
            *parts,
            self._constant(f"{prefix}bias", biases),
            "lengths",
            domain=CONTRIB,
            num_heads=self._shape.heads,
        )
        return self._op("Reshape", attended, self._flat)

    def _residual(
        self, hidden: str, value: str, prefix: str, inputs: int, *, raised: bool = False
    ) -> str:
        """LayerNorm of state plus projected value; `raised` if that went through GELU."""
        dense, width = f"{prefix}dense", self._shape.hidden
        (projected,) = self._project(value, [dense], width, inputs, raised=raised)
        bias = self._weights.vector(f"{dense}.bias", width)
        matrix = self._weights.matrix(f"{dense}.weight", (width, inputs))
        if raised and matrix.scale is not None:
            bias = bias - GELU_FLOOR * matrix.values.sum(axis=1, dtype=np.int32) * matrix.scale
        biased = self._op("Add", projected, self._constant(f"{dense}.bias", bias))
        return self._norm(self._op("Add", biased, hidden), f"{prefix}LayerNorm")

    def _project(
        self, value: str, names: Sequence[str], outputs: int, inputs: int, *, raised: bool = False
    ) -> list[str]:
        """The value times each of the weights, biases left out; its quantisation is shared."""
        matrices = [self._weights.matrix(f"{name}.weight", (outputs, inputs)) for name in names]
        if matrices[0].scale is None:
            return [
                self._op("MatMul", value, self._constant(name, matrix.values.T))
                for name, matrix in zip(names, matrices, strict=True)
            ]
        if (divisor := matrices[0].input_scale) is not None:
            inverse = self._constant(f"{names[0]}.input", 1 / divisor)
            value = self._op("Mul", value, inverse)
        operand = self._unsigned_rows(value) if raised else self._signed_rows(value)
        return [
            self._integer_product(operand, name, matrix)
            for name, matrix in zip(names, matrices, strict=True)
        ]

    def _signed_rows(self, value: str) -> Operand:
        peak = self._op("ReduceMax", self._op("Abs", value), self._minus_one, keepdims=1)
        scale = self._row_scale(peak, 127)
        flat = self._op("Reshape", scale, self._minus_one)
        rows = self._op("QuantizeLinear", value, flat, self._middles, axis=0)
        return rows, scale, self._constant("middle", np.uint8(128))

    def _unsigned_rows(self, value: str) -> Operand:
        value = self._op("Add", value, self._constant("floor", np.float32(GELU_FLOOR)))
        scale = self._row_scale(self._op("ReduceMax", value, self._minus_one, keepdims=1), 255)
        flat = self._op("Reshape", scale, self._minus_one)
        rows = self._op("QuantizeLinear", value, flat, axis=0)
        return rows, scale, self._constant("zero", np.uint8(0))

    def _row_scale(self, peak: str, levels: int) -> str:
        step = self._constant(f"step_{levels}", np.float32(1 / levels))
        return self._op(
            "Mul", self._op("Max", peak, self._constant("tiny", np.float32(TINY))), step
        )

    def _integer_product(self, operand: Operand, name: str, matrix: Matrix) -> str:
        assert matrix.scale is not None
        rows, scale, zero = operand
        product = self._op(
            "MatMulIntegerToFloat",
            rows,
            self._constant(name, matrix.values.T),
            self._constant("one", np.float32(1)),
            self._constant(f"{name}.scale", matrix.scale),
            zero,
            domain=CONTRIB,
        )
        return self._op("Mul", product, scale)

    def _norm(self, value: str, name: str) -> str:
        width = self._shape.hidden
        gain, offset = (
            self._constant(f"{name}.{part}", self._weights.vector(f"{name}.{part}", width))
            for part in ("weight", "bias")
        )
        epsilon = self._shape.epsilon
        return self._op("LayerNormalization", value, gain, offset, output=name, epsilon=epsilon)

    def _positions(self) -> str:
        shape, prefix = self._shape, "embeddings."
        places = self._weights.matrix(
            f"{prefix}position_embeddings.weight", (shape.positions, shape.hidden)
        )
        types = self._weights.matrix(
            f"{prefix}token_type_embeddings.weight", (shape.token_types, shape.hidden)
        )
        usable = places.values[shape.first_position :] + types.values[0]
        start, end = (
            self._constant("start", np.array([0])),
            self._op("Shape", "ids", start=1, end=2),
        )
        return self._op("Slice", self._constant("positions", usable), start, end)

    def _length(self) -> str:
        return self._op("Squeeze", self._op("Shape", "ids", start=1, end=2))

    def _numbers(self, *values: int) -> list[str]:
        return [self._constant(f"number_{value}", np.array(value)) for value in values]

    def _unit(self, value: str, output: str) -> None:
        norm = self._op("ReduceL2", value, self._minus_one, keepdims=1)
        tiny = self._constant("tiny", np.float32(TINY))
        self._op("Div", value, self._op("Max", norm, tiny), output=output)

    def _op(
        self,
        kind: str,
        *inputs: str,
        output: str | None = None,
        domain: str = "",
        **attributes: Any,
    ) -> str:
        name = output or f"value_{len(self._nodes)}"
        self._nodes.append(helper.make_node(kind, inputs, [name], domain=domain, **attributes))
        return name

    def _constant(self, name: str, value: npt.ArrayLike) -> str:
        key = f"constant:{name}"
        if key not in self._constants:
            array = np.ascontiguousarray(value)
            if array.dtype == np.float64:
                array = array.astype(np.float32)
            self._constants[key] = self._stored(key, array.reshape(np.shape(value)))
        return key

    def _stored(self, key: str, array: HostArray) -> TensorProto:
        if array.nbytes <= INLINE_BYTES:
            return numpy_helper.from_array(array, key)
        self._outside[key] = array
        kind = helper.np_dtype_to_tensor_dtype(array.dtype)
        place = TensorProto(name=key, data_type=kind, dims=array.shape)
        place.data_location = TensorProto.EXTERNAL
        place.external_data.add(key="location", value="memory")
        return place
