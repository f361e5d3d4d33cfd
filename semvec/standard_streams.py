"""The standard streams of a server, which may be closed, full, or read by nobody."""

import os
import select
import sys
from contextlib import suppress
from io import UnsupportedOperation
from typing import TextIO


def open_closed_streams() -> None:
    """Open the null device in place of each standard stream that is closed.

    Else the next file, such as the database, would get its number, and what a library writes to
    standard error would end up in it.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free
    sys.stdout = sys.stdout or open(1, "w", closefd=False)  # noqa: SIM115
    sys.stderr = sys.stderr or open(2, "w", closefd=False)  # noqa: SIM115


def announce(line: str, stream: TextIO | None) -> None:
    """Write a line to a standard stream, unless it is closed, or that would block or fail."""
    if stream is None:
        return
    with suppress(OSError, ValueError):
        if _is_writable(stream):
            write_all(stream, f"{line}\n")


def _is_writable(stream: TextIO) -> bool:
    """Whether a write does not block; always true for a stream in memory."""
    try:
        number = stream.fileno()
    except UnsupportedOperation:
        return True
    return bool(select.select([], [number], [], 0)[1])


def write_all(stream: TextIO, text: str) -> None:
    """Write to a stream past its buffer, whose lock a blocked thread would keep at the exit."""
    try:
        number = stream.fileno()
    except (UnsupportedOperation, AttributeError):
        stream.write(text)
        stream.flush()
        return
    left = memoryview(text.encode(errors="backslashreplace"))
    while left:
        left = left[os.write(number, left) :]
