"""The device that vectors are compared on, chosen once, when the server starts."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from semvec.errors import StartError
from semvec.extras import missing
from semvec.kernels.device import GpuDevice
from semvec.kernels.device_ragged import DeviceKernels
from semvec.kernels.protocol import Kernels

log = logging.getLogger(__name__)

SHARE = 2
"""Of a device's free memory one in so many bytes is for vectors: where their copy grows, it is
there twice for a moment, and the encoder and each launch need some."""


@dataclass(frozen=True, slots=True, eq=False)
class OpenedDevice:
    """A device whose kernels are compiled; `memory_bytes` is what vectors may take of it.

    `again` opens it once more, with a stream of its own, for another thread.
    """

    kernels: Kernels
    name: str
    memory_bytes: int
    new_stream: Callable[[], GpuDevice] | None = None


def open_device(device: str) -> OpenedDevice | None:
    """The device of `SEMVEC_DEVICE`, None for the CPU; compiling takes some seconds.

    Raises StartError where one is asked for that is not there. `auto` says why and takes the CPU.
    """
    if device == "cpu":
        return None
    number = int(device.partition(":")[2] or 0)
    try:
        opened = _card(number)
    except ImportError as error:
        absent = isinstance(error, ModuleNotFoundError) and error.name == "cupy"
        reason, remedy = (
            "CuPy is not installed" if absent else f"CuPy does not load ({error})",
            f"; {missing('a CUDA device', 'CuPy', 'gpu')} (gpu-cuda13 for CUDA 13)",
        )
    except Exception as error:  # whatever CUDA, a driver or a compiler have to say
        reason, remedy = str(error), ""
    else:
        megabytes = opened.memory_bytes >> 20
        log.info("vectors are compared on %s, %d MB of it for them", opened.name, megabytes)
        return opened
    if device != "auto":
        raise StartError(f"SEMVEC_DEVICE={device}: {reason}{remedy}")
    log.info("vectors are compared on the CPU: %s", reason)
    return None


def _card(number: int) -> OpenedDevice:
    import cupy

    there = cupy.cuda.runtime.getDeviceCount()
    if number >= there:
        raise ValueError(f"there is no CUDA device {number}, the number of devices is {there}")
    from semvec.kernels.cupy_ import CudaDevice

    card = CudaDevice(number)
    free, total = card.memory
    name = f"cuda:{number}, {card.name}, {total >> 20} MB"
    return OpenedDevice(DeviceKernels(card), name, free // SHARE, partial(CudaDevice, number))
