"""Every operation is tested on NumPy, on the CUDA sources run by the CPU, and on a card."""

from functools import cache

import pytest

from semvec.kernels import numpy_
from semvec.kernels.device_ragged import DeviceKernels
from semvec.kernels.protocol import Kernels
from tests import devices


@cache
def emulated() -> Kernels:
    return DeviceKernels(devices.emulated())


@cache
def on_card() -> Kernels:
    return DeviceKernels(devices.card())


@pytest.fixture(scope="session", params=["numpy", "emulated", "cupy"])
def kernels(request: pytest.FixtureRequest) -> Kernels:
    if request.param == "numpy":
        return numpy_
    return emulated() if request.param == "emulated" else on_card()
