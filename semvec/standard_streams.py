"""The standard streams of a server, which may be closed or blocked."""

import os
import select
import sys
from contextlib import suppress
from io import UnsupportedOperation
from typing import TextIO


def open_closed_streams() -> None:
    """Open the null device in place of each closed standard stream.

    Otherwise the next open file, such as the database, would get the stream's number and a
    library's messages on standard error would be written into it.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # uses the lowest free number
    sys.stdout = sys.stdout or open(1, "w", closefd=False)  # noqa: SIM115
    sys.stderr = sys.stderr or open(2, "w", closefd=False)  # noqa: SIM115


def announce(line: str, stream: TextIO | None) -> None:
    """Write a line to a standard stream; skip it if the stream is closed or the write would block
    or fail."""
    if stream is None:
        return
    with suppress(OSError, ValueError):
        if _is_writable(stream):
            write_all(stream, f"{line}\n")


def _is_writable(stream: TextIO) -> bool:
    """Return whether a write does not block; always true for a stream in memory."""
    try:
        number = stream.fileno()
    except UnsupportedOperation:
        return True
    return bool(select.select([], [number], [], 0)[1])


def write_all(stream: TextIO, text: str) -> None:
    """Write to a stream without its buffer: a blocked thread would hold the buffer's lock at
    exit."""
    try:
        number = stream.fileno()
    except (UnsupportedOperation, AttributeError):
        stream.write(text)
        stream.flush()
        return
    left = memoryview(text.encode(errors="backslashreplace"))
    while left:
        left = left[os.write(number, left) :]
