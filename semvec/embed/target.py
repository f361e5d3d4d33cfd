"""A device to encode on."""

from collections.abc import Callable
from dataclasses import dataclass

from semvec.kernels.device import Device

MOST_TOKENS = 16_384
"""Tokens of one pass: enough to keep a card busy, and 130 MB with the packaged model."""


@dataclass(frozen=True, slots=True)
class Target:
    """`open` is called on the thread that will speak to the device, and by nobody else."""

    open: Callable[[], Device]
    most_tokens: int = MOST_TOKENS
