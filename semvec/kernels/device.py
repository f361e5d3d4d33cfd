"""What a device has to do for the kernels, and the operations over rows by themselves."""

from typing import Any, Protocol

import numpy as np

from semvec.errors import Unavailable
from semvec.kernels.checks import check_array, check_written
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

    def to_device(self, array: HostNumbers) -> DeviceArray:
        return self._device.place(array)

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

    def normalised(self, values: DeviceArray) -> DeviceArray:
        check_array("values", values, "f", None, None)
        found = self._device.empty(values.shape, np.float32)
        self._by_row("normalised", values.shape, values, found)
        return found

    def quantise(self, values: DeviceArray) -> DeviceArray:
        check_array("values", values, "f", None, None)
        codes = self._device.empty(values.shape, np.int8)
        self._by_row("quantise", values.shape, values, codes)
        return codes

    def unit_scales(self, codes: DeviceArray) -> DeviceArray:
        check_array("codes", codes, "b", None, None)
        scales = self._device.empty((len(codes),), np.float32)
        self._by_row("unit_scales", codes.shape, codes, scales)
        return scales

    def dequantise(self, codes: DeviceArray, scales: DeviceArray) -> DeviceArray:
        check_array("codes", codes, "b", None, None)
        check_array("scales", scales, "f", len(codes))
        found = self._device.empty(codes.shape, np.float32)
        self._by_row("dequantise", codes.shape, codes, scales, found)
        return found

    def _by_row(self, kernel: str, shape: tuple[int, ...], *arrays: DeviceArray) -> None:
        """One warp a row; the kernel takes arrays read, sizes, the array written."""
        sizes = np.int64(shape[0]), np.int32(shape[1])
        blocks = -(-shape[0] * WARP // BLOCK_THREADS)
        self._launch(kernel, None, (blocks, 1), 0, *arrays[:-1], *sizes, arrays[-1])

    def _launch(
        self,
        kernel: str,
        rows: QuantisedRows | None,
        grid: tuple[int, int],
        shared: int,
        *arguments: DeviceArray | np.generic | None,
        threads: int = BLOCK_THREADS,
    ) -> None:
        kind = None if rows is None else rows.values.dtype.name
        if 0 not in grid:
            self._device.launch(kernel, kind, grid, threads, shared, *arguments)

    def _rows(self, rows: QuantisedRows) -> tuple[DeviceArray, DeviceArray, np.int32, np.int32]:
        """Rows as the kernels take them: values, scales, d, whether all begin at 16 bytes."""
        d = rows.values.shape[1]
        begins = self._device.address(rows.values) | d * rows.values.dtype.itemsize
        return rows.values, rows.scales, np.int32(d), np.int32(begins % 16 == 0)
