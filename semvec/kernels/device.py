"""What a device has to do for the kernels, and how rows come to it."""

from typing import Any, Protocol

import numpy as np

from semvec.errors import Unavailable
from semvec.kernels.checks import check_written
from semvec.kernels.protocol import Counts, DeviceArray, HostNumbers, QuantisedRows

DTYPE_NAMES = "bef"
"""NumPy's letters for the types of rows."""
BLOCK_THREADS = 256
WARP = 32


class OutOfMemory(Unavailable):
    """The device has no memory left for what was asked of it; other work may succeed."""


class DeviceLost(Unavailable):
    """The device answers no more."""


class GpuDevice(Protocol):
    """All in one order: what is launched later sees what was launched before."""

    processors: int

    def place(self, array: HostNumbers) -> DeviceArray: ...

    def upload(self, *arrays: HostNumbers) -> list[DeviceArray]:
        """Copies on the device in one transfer."""

    def download(self, *arrays: DeviceArray) -> list[HostNumbers]:
        """Waits for all that was launched."""

    def empty(self, shape: tuple[int, ...], dtype: Any) -> DeviceArray: ...

    def address(self, array: DeviceArray) -> int:
        """Where it begins. Raises TypeError for an array that is not the device's, ValueError for
        one with gaps."""

    def matmul(self, left: DeviceArray, right: DeviceArray, found: DeviceArray) -> None:
        """`found` = left right^T, shapes (n, k), (m, k) and (n, m), float16 summed in float32."""

    def launch(
        self,
        kernel: str,
        rows: str | None,
        grid: tuple[int, int],
        threads: int,
        shared: int,
        *arguments: DeviceArray | np.generic | None,
    ) -> None:
        """`rows`: the type of rows that the kernel was compiled for. `shared`: bytes of memory for
        each block. None among the arguments is a null pointer."""


class OnDevice:
    """What all operations on a device share."""

    def __init__(self, device: GpuDevice) -> None:
        self._device = device

    def to_host(self, array: DeviceArray) -> HostNumbers:
        return self._device.download(array)[0]

    def upload(self, *arrays: HostNumbers) -> list[DeviceArray]:
        return self._device.upload(*arrays)

    def empty_rows(self, number: int, dimension: int) -> QuantisedRows:
        empty = self._device.empty
        return QuantisedRows(empty((number, dimension), np.int8), empty((number,), np.float32))

    def write_rows(self, rows: QuantisedRows, at: Counts, fresh: QuantisedRows) -> None:
        check_written(rows, at, fresh)
        held: list[DeviceArray] = [fresh.values, fresh.scales]
        if isinstance(fresh.values, np.ndarray):
            held = self._device.upload(*held)
        (places,) = self._device.upload(at)
        number, d = fresh.values.shape
        sizes = np.int64(number), np.int32(d)
        blocks = -(-number * WARP // BLOCK_THREADS)
        arguments = *held, places, *sizes, rows.values, rows.scales
        self._launch("write_rows", None, (blocks, 1), 0, *arguments)

    def _launch(
        self,
        kernel: str,
        rows: QuantisedRows | None,
        grid: tuple[int, int],
        shared: int,
        *arguments: DeviceArray | np.generic | None,
    ) -> None:
        kind = None if rows is None else rows.values.dtype.name
        if 0 not in grid:
            self._device.launch(kernel, kind, grid, BLOCK_THREADS, shared, *arguments)

    def _rows(self, rows: QuantisedRows) -> tuple[DeviceArray, DeviceArray, np.int32, np.int32]:
        """Rows as the kernels take them: values, scales, d, whether all begin at 16 bytes."""
        d = rows.values.shape[1]
        begins = self._device.address(rows.values) | d * rows.values.dtype.itemsize
        return rows.values, rows.scales, np.int32(d), np.int32(begins % 16 == 0)
