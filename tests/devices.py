"""Devices: the CUDA sources run by the CPU, and a card."""

from functools import cache
from shutil import which
from typing import TYPE_CHECKING

import pytest

from semvec.kernels.device import GpuDevice
from tests.kernels.emulated import Emulated

if TYPE_CHECKING:
    from semvec.kernels.cupy_ import CudaDevice


@cache
def emulated() -> GpuDevice:
    if which("g++") is None:
        pytest.skip("no g++ to run CUDA sources on the CPU with")
    return Emulated()


@cache
def card() -> "CudaDevice":
    cupy = pytest.importorskip("cupy", reason="CuPy is not installed")
    try:
        if not cupy.cuda.runtime.getDeviceCount():
            pytest.skip("no CUDA device")
    except cupy.cuda.runtime.CUDARuntimeError as error:
        pytest.skip(f"no CUDA device: {error}")
    from semvec.kernels.cupy_ import CudaDevice

    return CudaDevice()
