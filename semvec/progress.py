"""A progress line on a terminal; nothing is written to a pipe or file."""

import shutil
import time
from threading import Event, Lock, Thread
from types import TracebackType
from typing import BinaryIO, TextIO

REFRESH_S = 0.2
BAR = 30
"""Characters of a full bar."""


class Progress:
    """A line that appears at once, is redrawn while the command runs, and is erased at the end.

    A command has stages. A stage with a total shows a bar, any other the seconds it has taken.
    """

    def __init__(self, title: str, out: TextIO | None) -> None:
        self._title, self._stage = title, ""
        self._out = out if out is not None and out.isatty() else None
        self._total: int | None = None
        self._done, self._began = 0, time.monotonic()
        self._drawing, self._ended = Lock(), Event()

    def __enter__(self) -> "Progress":
        if self._out is not None:
            Thread(target=self._redraw, name="semvec-progress", daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with self._drawing:
            self._ended.set()
            self._write("\r\x1b[K")

    def stage(self, name: str, total: int | None = None) -> None:
        """Begin the next stage; `total` is its size in bytes."""
        with self._drawing:
            self._stage, self._total = name, total
            self._done, self._began = 0, time.monotonic()
        self._draw()

    def add(self, size: int) -> None:
        """Count bytes of this stage."""
        self._done += size

    def _redraw(self) -> None:
        while not self._ended.wait(REFRESH_S):
            self._draw()

    def _draw(self) -> None:
        with self._drawing:
            if not self._ended.is_set():
                width = shutil.get_terminal_size().columns - 1
                self._write(f"\r{self._line(time.monotonic() - self._began)[:width]}\x1b[K")

    def _write(self, text: str) -> None:
        if self._out is not None:
            self._out.write(text)
            self._out.flush()

    def _line(self, seconds: float) -> str:
        stage = f"{self._title}: {self._stage}"
        if self._total is None:
            return f"{stage}, {seconds:.0f} s"
        share = min(1.0, self._done / self._total) if self._total else 1.0
        bar, done = "#" * int(share * BAR), self._done / 1e6
        rate = done / max(seconds, 1e-3)
        return f"{stage} [{bar:.<{BAR}}] {share:4.0%} {done:.1f} MB, {rate:.1f} MB/s"


class Counted:
    """A file that reports reading progress; `afterwards` is the stage that begins after its last
    byte."""

    def __init__(self, file: BinaryIO, progress: Progress, afterwards: str | None = None) -> None:
        self._file, self._progress, self._afterwards = file, progress, afterwards

    def read(self, size: int = -1) -> bytes:
        chunk = self._file.read(size)
        self._progress.add(len(chunk))
        if not chunk and self._afterwards is not None:
            self._progress.stage(self._afterwards)
        return chunk

    def seek(self, offset: int) -> int:
        """Seek; bytes that are read twice count once."""
        self._progress.add(offset - self._file.tell())
        return self._file.seek(offset)
