"""Where lines of the log wait for the thread that writes them."""

import logging
import threading
import time
from collections import deque
from collections.abc import Sequence
from typing import TextIO

from semvec.telemetry.lines import Entry, Format

GATHER_S = 0.05
"""How long lines gather before they are written together."""

BOUND = 65_536
"""Lines that may wait, if what they are written to does not take them; more are left out."""

PIECE = 1024
"""Lines that are written at once."""


class Outbox(logging.Handler):
    """Takes entries from any thread at the cost of a list's; formats and writes them on its own.

    `dropped` counts lines that were left out: too many waited, or the stream would not have them.
    """

    def __init__(self, stream: TextIO, format: Format) -> None:
        super().__init__()
        self.dropped = 0
        self._stream, self._format = stream, format
        self._waiting: deque[Entry] = deque()
        self._arrived = threading.Event()
        self._closing = False
        self._thread = threading.Thread(target=self._work, name="semvec-log", daemon=True)
        self._thread.start()

    def put(self, entry: Entry) -> None:
        if len(self._waiting) >= BOUND:
            self.dropped += 1
            return
        self._waiting.append(entry)
        if not self._arrived.is_set():
            self._arrived.set()

    def emit(self, record: logging.LogRecord) -> None:
        try:
            record.msg, record.args = (
                record.getMessage(),
                None,
            )  # they may change until it is written
            self.put(record)
        except Exception:
            self.handleError(record)

    def close(self) -> None:
        """Write what waits, and end the thread; what comes later is left out."""
        self._closing = True
        self._arrived.set()
        self._thread.join(timeout=1.0)
        super().close()

    def _work(self) -> None:
        while not self._closing:
            self._arrived.wait()
            if not self._closing:
                time.sleep(GATHER_S)
            self._arrived.clear()
            self._empty()
        self._empty()

    def _empty(self) -> None:
        while count := min(PIECE, len(self._waiting)):
            self._write([self._waiting.popleft() for _ in range(count)])

    def _write(self, entries: Sequence[Entry]) -> None:
        try:
            self._stream.write("".join(f"{self._format(entry)}\n" for entry in entries))
            self._stream.flush()
        except Exception:
            self.dropped += len(entries)
