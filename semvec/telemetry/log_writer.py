"""Where lines of the log wait for the thread that writes them."""

import logging
import threading
from collections import deque
from collections.abc import Sequence
from typing import TextIO

from semvec.standard_streams import write_all
from semvec.telemetry.lines import AccessRecord, Format

GATHER_S = 0.25
"""How long lines of requests gather before they are written together; others come at once."""

MAX_QUEUED_LINES = 65_536
"""Lines that may wait, if what they are written to does not take them; more are left out."""

LOG_PIECE = 1024
"""Lines that are written at once."""


class LogWriter(logging.Handler):
    """Takes lines from any thread, and has a thread of its own write them.

    Requests are put into words where they come from: a second thread that runs Python takes turns
    with the first, which costs more than the words do. Other records, whose tracebacks read source
    files, are put into words on the thread. `dropped` counts lines that were left out: too many
    waited, or the stream would not have them.
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
        """Of a request."""
        self._put(self._format.answered(entry))

    def emit(self, record: logging.LogRecord) -> None:
        try:
            # They may change until they are written.
            record.msg, record.args = record.getMessage(), None
            self._put(record)
        except Exception:
            self.handleError(record)
        self._called.set()

    def close(self) -> None:
        """Write what waits, and end the thread; what comes later is left out."""
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
