"""A card that knows how long its kernels take."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import cupy
import numpy as np

from semvec.kernels.cupy_ import CudaDevice
from semvec.kernels.protocol import DeviceArray
from semvec.kernels.sources import SOURCES, Source

PRODUCT = "matrix products"


class TimedCard(CudaDevice):
    def __init__(self, sources: Sequence[Source] = SOURCES) -> None:
        super().__init__(0, sources)
        self._marks: list[tuple[str, Any, Any]] = []

    def launch(
        self,
        kernel: str,
        rows: str | None,
        grid: tuple[int, int],
        threads: int,
        shared: int,
        *arguments: DeviceArray | np.generic | None,
    ) -> None:
        with self._timed(kernel):
            super().launch(kernel, rows, grid, threads, shared, *arguments)

    def matmul(self, left: DeviceArray, right: DeviceArray, found: DeviceArray) -> None:
        with self._timed(PRODUCT):
            super().matmul(left, right, found)

    @contextmanager
    def _timed(self, name: str) -> Iterator[None]:
        begin, end = cupy.cuda.Event(), cupy.cuda.Event()
        with self.ordered():
            begin.record()
            yield
            end.record()
        self._marks.append((name, begin, end))

    def spent_by_kernel_ms(self) -> dict[str, float]:
        """Since the last time; waits for the last kernel."""
        if self._marks:
            self._marks[-1][2].synchronize()
        spent: dict[str, float] = defaultdict(float)
        for name, begin, end in self._marks:
            spent[name] += float(cupy.cuda.get_elapsed_time(begin, end))
        self._marks.clear()
        return dict(spent)

    def spent_ms(self) -> float:
        return sum(self.spent_by_kernel_ms().values())
