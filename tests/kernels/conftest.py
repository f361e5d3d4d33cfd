"""Every operation is tested on NumPy, on the CUDA sources run by the CPU, and on a card."""

from functools import cache
from shutil import which

import pytest

from semvec.kernels import numpy_
from semvec.kernels.protocol import Kernels
from tests.kernels.emulated import EmulatedKernels


@cache
def emulated() -> Kernels:
    if which("g++") is None:
        pytest.skip("no g++ to run CUDA sources on the CPU with")
    return EmulatedKernels()


@cache
def on_card() -> Kernels:
    cupy = pytest.importorskip("cupy", reason="CuPy is not installed")
    try:
        if not cupy.cuda.runtime.getDeviceCount():
            pytest.skip("no CUDA device")
    except cupy.cuda.runtime.CUDARuntimeError as error:
        pytest.skip(f"no CUDA device: {error}")
    from semvec.kernels.cupy_ import Card, CupyKernels

    return CupyKernels(Card())


@pytest.fixture(scope="session", params=["numpy", "emulated", "cupy"])
def kernels(request: pytest.FixtureRequest) -> Kernels:
    if request.param == "numpy":
        return numpy_
    return emulated() if request.param == "emulated" else on_card()
