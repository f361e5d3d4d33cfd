"""Where time comes from: handed in, so that tests can hold it still."""

from collections.abc import Callable

Clock = Callable[[], float]
"""Seconds since the epoch."""
