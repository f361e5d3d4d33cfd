"""A CUDA device, through CuPy.

Needs compute capability 8.0 (A100) or later.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import cupy
import numpy as np

from semvec.kernels.device import DeviceLost, OutOfMemory
from semvec.kernels.plan import SLOT_BYTES, STAGE_BYTES
from semvec.kernels.protocol import DeviceArray, HostNumbers
from semvec.kernels.sources import SOURCES, Source, flattened, variants

SHARED_LIMIT = SLOT_BYTES + STAGE_BYTES
"""Bytes of memory that a block may ask for."""
ALIGNMENT = 256
OLDEST_COMPUTE = 80
OUT_OF_MEMORY = 2
"""What CUDA calls it, its runtime and its driver alike."""


class CudaDevice:
    """`GpuDevice` over CuPy: one stream, and pinned memory for both directions.

    Compiles every kernel before it is ready. Raises RuntimeError for a device that is too old.
    """

    def __init__(self, number: int = 0, sources: Sequence[Source] = SOURCES) -> None:
        self._device = cupy.cuda.Device(number)
        if int(self._device.compute_capability) < OLDEST_COMPUTE:
            raise RuntimeError(f"device {number} is older than compute capability 8.0")
        self.processors = int(self._device.attributes["MultiProcessorCount"])
        self.name = cupy.cuda.runtime.getDeviceProperties(number)["name"].decode()
        with self._device:
            self._stream = cupy.cuda.Stream(non_blocking=True)
            self._copied = cupy.cuda.Event(disable_timing=True)
            self._up, self._down = Pinned(), Pinned()
            self._kernels = dict(_compiled(sources))

    @property
    def memory(self) -> tuple[int, int]:
        """Bytes that are free, and all of them."""
        with self._device:
            free, total = cupy.cuda.runtime.memGetInfo()
        return int(free), int(total)

    @contextmanager
    def ordered(self) -> Iterator[None]:
        """What runs in here runs on the device, after all that was launched.

        Raises OutOfMemory and DeviceLost, which say why.
        """
        try:
            with self._device, self._stream:
                yield
        except cupy.cuda.memory.OutOfMemoryError as error:
            raise self._exhausted(error) from error
        except (cupy.cuda.runtime.CUDARuntimeError, cupy.cuda.driver.CUDADriverError) as error:
            if error.status == OUT_OF_MEMORY:  # of the host's pinned memory too
                raise self._exhausted(error) from error
            raise DeviceLost(f"the GPU fails: {error}") from error

    def _exhausted(self, error: Exception) -> OutOfMemory:
        cupy.get_default_memory_pool().free_all_blocks()
        return OutOfMemory(f"the GPU is out of memory: {error}")

    def place(self, array: HostNumbers) -> DeviceArray:
        with self.ordered():
            return cupy.asarray(array, order="C")

    def upload(self, *arrays: HostNumbers) -> list[DeviceArray]:
        begins, size = _begins([array.nbytes for array in arrays])
        with self.ordered():
            self._copied.synchronize()
            staged = self._up.bytes(size)
        for array, begin in zip(arrays, begins, strict=True):
            raw = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
            staged[begin : begin + array.nbytes] = raw
        with self.ordered():
            room = cupy.empty(size, np.uint8).data
            room.copy_from_host_async(staged.ctypes.data, size, self._stream)
            self._copied.record(self._stream)
            return [
                cupy.ndarray(array.shape, array.dtype, room + begin)
                for array, begin in zip(arrays, begins, strict=True)
            ]

    def download(self, *arrays: DeviceArray) -> list[HostNumbers]:
        begins, size = _begins([array.nbytes for array in arrays])
        with self.ordered():
            staged = self._down.bytes(size)
            for array, begin in zip(map(cupy.ascontiguousarray, arrays), begins, strict=True):
                if array.nbytes:
                    to = staged.ctypes.data + begin
                    array.data.copy_to_host_async(to, array.nbytes, self._stream)
            self._stream.synchronize()
        return [
            staged[begin : begin + array.nbytes].copy().view(array.dtype).reshape(array.shape)
            for array, begin in zip(arrays, begins, strict=True)
        ]

    def empty(self, shape: tuple[int, ...], dtype: Any) -> DeviceArray:
        with self.ordered():
            return cupy.empty(shape, dtype)

    def address(self, array: DeviceArray) -> int:
        if not isinstance(array, cupy.ndarray):
            raise TypeError(f"{type(array).__name__} is not in the device's memory: place it first")
        if not array.flags.c_contiguous:
            raise ValueError("an array has gaps")
        return int(array.data.ptr)

    def matmul(self, left: DeviceArray, right: DeviceArray, found: DeviceArray) -> None:
        with self.ordered():
            cupy.dot(left, right.T, out=found)

    def launch(
        self,
        kernel: str,
        rows: str | None,
        grid: tuple[int, int],
        threads: int,
        shared: int,
        *arguments: DeviceArray | np.generic | None,
    ) -> None:
        if shared > SHARED_LIMIT:
            raise ValueError("a query has more numbers than a block has memory for")
        ready = tuple(map(self._argument, arguments))
        with self.ordered():
            self._kernels[kernel, rows](grid, (threads,), ready, shared_mem=shared)

    def _argument(self, argument: DeviceArray | np.generic | None) -> np.generic:
        if argument is None or isinstance(argument, np.generic):
            return np.uint64(0) if argument is None else argument
        return np.uint64(self.address(argument))


class Pinned:
    """Memory of the host that a device copies from and to, as much as was ever asked for."""

    def __init__(self) -> None:
        self._room: Any = cupy.cuda.alloc_pinned_memory(1 << 20)

    def bytes(self, number: int) -> HostNumbers:
        if number > self._room.size():
            self._room = cupy.cuda.alloc_pinned_memory(1 << (number - 1).bit_length())
        return np.frombuffer(self._room, np.uint8, number)


def _begins(sizes: Sequence[int]) -> tuple[list[int], int]:
    """Where arrays of these sizes begin in one piece of memory, and its size, at least 1."""
    padded = [-(-size // ALIGNMENT) * ALIGNMENT for size in sizes]
    ends = np.cumsum(padded, dtype=np.int64).tolist()
    return [0, *ends][: len(sizes)], max([1, *ends])


def _compiled(sources: Sequence[Source]) -> Iterator[tuple[tuple[str, str | None], Any]]:
    for source, rows in variants(sources):
        module = cupy.RawModule(code=flattened(source, rows), options=("--std=c++17",))
        module.compile()
        for name in source.kernels:
            kernel = module.get_function(name)
            kernel.max_dynamic_shared_size_bytes = SHARED_LIMIT
            yield (name, rows), kernel
