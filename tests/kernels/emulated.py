"""A device that runs the CUDA sources on the CPU: slowly, and the same code."""

import ctypes
import subprocess
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from semvec.kernels.plan import SLOT_BYTES, STAGE_BYTES
from semvec.kernels.protocol import DeviceArray, HostNumbers
from semvec.kernels.sources import SOURCES, Source, flattened

EMULATOR = Path(__file__).parent / "emulator"
SHARED_LIMIT, BLOCK_MEMORY = SLOT_BYTES + STAGE_BYTES, 16 * 5120


class Emulated:
    """`GpuDevice` over NumPy arrays."""

    processors = 2

    def __init__(self, sources: Sequence[Source] = SOURCES) -> None:
        self._sources = {kernel: source for source in sources for kernel in source.kernels}
        self._folder = TemporaryDirectory(prefix="semvec-emulated-")
        self._library = cache(self._compiled)

    def place(self, array: HostNumbers) -> DeviceArray:
        return np.array(array)

    def upload(self, *arrays: HostNumbers) -> list[DeviceArray]:
        return [np.array(array, order="C") for array in arrays]

    def download(self, *arrays: DeviceArray) -> list[HostNumbers]:
        return [np.array(array) for array in arrays]

    def empty(self, shape: tuple[int, ...], dtype: Any) -> DeviceArray:
        noise = np.full(int(np.prod(shape)) * np.dtype(dtype).itemsize, 0xCD, np.uint8)
        return noise.view(dtype).reshape(shape)

    def address(self, array: DeviceArray) -> int:
        if not array.flags.c_contiguous:
            raise ValueError("an array has gaps")
        return int(array.ctypes.data)

    def matmul(self, left: DeviceArray, right: DeviceArray, found: DeviceArray) -> None:
        assert {left.dtype, right.dtype, found.dtype} == {np.dtype(np.float16)}
        np.copyto(found, left.astype(np.float32) @ right.astype(np.float32).T, casting="same_kind")

    def launch(
        self,
        kernel: str,
        rows: str | None,
        grid: tuple[int, int],
        threads: int,
        shared: int,
        *arguments: DeviceArray | np.generic | None,
    ) -> None:
        assert shared <= SHARED_LIMIT < BLOCK_MEMORY
        cells = [self._cell(argument) for argument in arguments]
        pointers = (ctypes.c_void_p * len(cells))(*(cell.ctypes.data for cell in cells))
        sizes = (ctypes.c_int * 4)(*grid, threads, shared)
        self._library(self._sources[kernel], rows)[f"emulated_{kernel}"](sizes, pointers)

    def _cell(self, argument: DeviceArray | np.generic | None) -> HostNumbers:
        """What a kernel reads its argument from."""
        if isinstance(argument, np.ndarray):
            return np.array([self.address(argument)])
        return np.array([0 if argument is None else argument])

    def _compiled(self, source: Source, rows: str | None) -> ctypes.CDLL:
        library = Path(self._folder.name, f"{source.path.stem}-{rows}.so")
        exports = "".join(f"EMULATED({kernel})\n" for kernel in source.kernels)
        command = f"g++ -std=c++17 -O1 -ffp-contract=off -w -shared -fPIC -x c++ - -o {library}"
        program = flattened(source, rows, EMULATOR) + exports
        subprocess.run(command.split(), input=program.encode(), check=True)
        return ctypes.CDLL(str(library))
