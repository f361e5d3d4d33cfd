"""The log's queue and the thread that writes it."""

import logging
import threading
from collections import deque
from collections.abc import Sequence
from typing import TextIO

from semvec.standard_streams import write_all
from semvec.telemetry.lines import AccessRecord, Format

GATHER_S = 0.25
"""Seconds for which lines of requests are collected before they are written; others are written at
once."""

MAX_QUEUED_LINES = 65_536
"""Lines that may be queued while the stream is blocked; further ones are dropped."""

LOG_PIECE = 1024
"""Lines written in one call."""


class LogWriter(logging.Handler):
    """Accept lines from any thread and write them on a thread of its own.

    Requests are formatted by the calling thread: a second Python thread would compete for the
    interpreter, which costs more than formatting. Other records are formatted on the writing
    thread, as their tracebacks read source files. `dropped` counts lines that were not written
    because too many were queued or the stream failed.
    """

    def __init__(self, stream: TextIO, format: Format) -> None:
        super().__init__()
        self.dropped = 0
        self._stream, self._format = stream, format
        self._waiting: deque[str | logging.LogRecord] = deque()
        self._closing = False
        self._called = threading.Event()
        self._thread = threading.Thread(target=self._work, name="semvec-log", daemon=True)
        self._thread.start()

    def write(self, entry: AccessRecord) -> None:
        """Queue the line of a request."""
        self._put(self._format.answered(entry))

    def emit(self, record: logging.LogRecord) -> None:
        try:
            # The arguments may change before they are written.
            record.msg, record.args = record.getMessage(), None
            self._put(record)
        except Exception:
            self.handleError(record)
        self._called.set()

    def close(self) -> None:
        """Write the queued lines and end the thread; later lines are dropped."""
        self._closing = True
        self._called.set()
        self._thread.join(timeout=1.0)
        super().close()

    def _put(self, entry: str | logging.LogRecord) -> None:
        if len(self._waiting) >= MAX_QUEUED_LINES:
            self.dropped += 1
        else:
            self._waiting.append(entry)

    def _work(self) -> None:
        while not self._closing:
            self._called.wait(GATHER_S)
            self._called.clear()
            self._empty()
        self._empty()

    def _empty(self) -> None:
        while count := min(LOG_PIECE, len(self._waiting)):
            self._write([self._waiting.popleft() for _ in range(count)])

    def _write(self, entries: Sequence[str | logging.LogRecord]) -> None:
        try:
            lines = [one if isinstance(one, str) else self._format.record(one) for one in entries]
            write_all(self._stream, "\n".join((*lines, "")))
        except Exception:
            self.dropped += len(entries)
