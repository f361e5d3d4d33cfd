"""A device to encode on."""

from collections.abc import Callable
from dataclasses import dataclass

from semvec.kernels.device import GpuDevice

MAX_TARGET_TOKENS = 16_384
"""Tokens of one pass: enough to keep a card busy, and 130 MB with the packaged model."""


@dataclass(frozen=True, slots=True)
class Target:
    """`open` is called on the thread that will speak to the device, and by nobody else."""

    open: Callable[[], GpuDevice]
    most_tokens: int = MAX_TARGET_TOKENS
