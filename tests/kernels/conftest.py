"""Every operation is tested on NumPy, on the CUDA sources run by the CPU, and on a card."""

from functools import cache

import pytest

from semvec.kernels import numpy_
from semvec.kernels.protocol import Kernels
from tests import devices
from tests.kernels.emulated import EmulatedKernels


@cache
def emulated() -> Kernels:
    return EmulatedKernels(devices.emulated())


@cache
def on_card() -> Kernels:
    card = devices.card()
    from semvec.kernels.cupy_ import CupyKernels

    return CupyKernels(card)


@pytest.fixture(scope="session", params=["numpy", "emulated", "cupy"])
def kernels(request: pytest.FixtureRequest) -> Kernels:
    if request.param == "numpy":
        return numpy_
    return emulated() if request.param == "emulated" else on_card()
