"""A model's weights on disk: the safetensors format, read with NumPy alone.

The file is eight bytes of header length (little endian), a JSON header that gives every tensor's
dtype, shape and byte range, then the bytes (https://huggingface.co/docs/safetensors).
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

HostArray = npt.NDArray[Any]
WeightArray = npt.NDArray[np.float32]

DTYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2", "I64": "<i8", "I8": "<i1"}


@dataclass(frozen=True, slots=True, eq=False)
class Matrix:
    """A weight of shape (out, in): float32, or int8 with its scales.

    An int8 matrix stands for `values * scale[:, None] / input_scale`: one scale for each output,
    and one for each input channel by which the layer's input is divided before it is quantised.
    """

    values: HostArray
    scale: WeightArray | None = None
    input_scale: WeightArray | None = None

    def dequantised(self) -> WeightArray:
        if self.scale is None:
            return self.values
        real: WeightArray = self.values * self.scale[:, None]
        return real if self.input_scale is None else real / self.input_scale


class Weights:
    """The tensors of one model by name, without the prefix that some exports put before each."""

    def __init__(self, tensors: Mapping[str, HostArray]) -> None:
        ends = "embeddings.word_embeddings.weight"
        words = next((name for name in tensors if name.endswith(ends)), ends)
        self._prefix = words.removesuffix(ends)
        self._tensors = tensors

    @classmethod
    def load(cls, path: Path) -> Self:
        """Reads a safetensors file; OSError if it cannot be read, ValueError if it is not whole."""
        return cls(_parse(path.read_bytes(), path))

    def vector(self, name: str, length: int) -> WeightArray:
        return self._tensor(name, (length,)).astype(np.float32, copy=False)

    def matrix(self, name: str, shape: tuple[int, int]) -> Matrix:
        values = self._tensor(name, shape)
        if values.dtype != np.int8:
            return Matrix(values.astype(np.float32, copy=False))
        outputs, inputs = shape
        divided = self._prefix + f"{name}.input_scale" in self._tensors
        return Matrix(
            values,
            self.vector(f"{name}.scale", outputs),
            self.vector(f"{name}.input_scale", inputs) if divided else None,
        )

    def _tensor(self, name: str, shape: tuple[int, ...]) -> HostArray:
        tensor = self._tensors.get(self._prefix + name)
        if tensor is None:
            raise ValueError(f"the weights lack the tensor {name}")
        if tensor.shape != shape:
            raise ValueError(f"{name} has shape {tensor.shape}, the configuration asks for {shape}")
        return tensor


def write_tensors(path: Path, tensors: Mapping[str, HostArray]) -> None:
    """Writes a safetensors file, tensors in order of name: the same tensors, the same bytes."""
    names = {np.dtype(code): name for name, code in DTYPES.items()}
    header: dict[str, object] = {}
    end = 0
    for name in sorted(tensors):
        start, end = end, end + tensors[name].nbytes
        header[name] = {
            "dtype": names[tensors[name].dtype],
            "shape": tensors[name].shape,
            "data_offsets": [start, end],
        }
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with path.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for name in sorted(tensors):
            file.write(np.ascontiguousarray(tensors[name]).tobytes())


def _parse(content: bytes, path: Path) -> dict[str, HostArray]:
    start = 8 + int.from_bytes(content[:8], "little")
    try:
        header: dict[str, dict[str, Any]] = json.loads(content[8:start])
        header.pop("__metadata__", None)
        return {
            name: _tensor(content, start, entry)
            for name, entry in header.items()
            if entry["dtype"] in DTYPES
        }
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{path} is not a whole safetensors file: {error}") from error


def _tensor(content: bytes, start: int, entry: Mapping[str, Any]) -> HostArray:
    shape = tuple(entry["shape"])
    offset = start + entry["data_offsets"][0]
    values = np.frombuffer(content, DTYPES[entry["dtype"]], int(np.prod(shape)), offset)
    if entry["dtype"] == "BF16":
        values = (values.astype(np.uint32) << 16).view(np.float32)
    return values.reshape(shape)
