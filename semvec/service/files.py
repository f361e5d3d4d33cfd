"""Temporary files, one for each running import or export, limited in number."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedRandom
from tempfile import TemporaryFile
from threading import Lock
from typing import BinaryIO

from semvec.errors import Unavailable

MAX_FILES = 64
MAX_FILES_PER_OWNER = 8
"""Limit for one owner, so that no owner uses up all files."""
FILES_RETRY_S = 5


@contextmanager
def room_needed() -> Iterator[None]:
    """Raise OSError of a temporary file as Unavailable."""
    try:
        yield
    except OSError as error:
        raise Unavailable(
            "no room for a temporary file", FILES_RETRY_S, reason=str(error)
        ) from error


class Files:
    """Counts open temporary files. The caller of `open` closes the file."""

    def __init__(self) -> None:
        self._open: Counter[str] = Counter()
        self._counting = Lock()

    async def open(self, owner: str) -> BinaryIO:
        """Open a temporary file. Raises Unavailable at a limit."""
        with self._counting:
            if self._open.total() >= MAX_FILES or self._open[owner] >= MAX_FILES_PER_OWNER:
                raise Unavailable("too many imports and exports are under way", FILES_RETRY_S)
            self._open[owner] += 1
        opening = asyncio.ensure_future(asyncio.to_thread(CountedFile, self, owner))
        try:
            return await asyncio.shield(opening)
        except asyncio.CancelledError:
            opening.add_done_callback(_close)  # the thread still opens it
            raise

    def leave(self, owner: str) -> None:
        with self._counting:
            self._open[owner] -= 1
            self._open += Counter()  # drops the zeros


class CountedFile(BufferedRandom):
    def __init__(self, files: Files, owner: str) -> None:
        try:
            super().__init__(TemporaryFile(buffering=0))  # noqa: SIM115
        except BaseException:
            files.leave(owner)
            raise
        self._files, self._owner = files, owner

    def close(self) -> None:
        """Close the file and release its count. Any thread may call it, more than once."""
        if not self.closed:
            super().close()
            self._files.leave(self._owner)


def _close(opening: asyncio.Future[CountedFile]) -> None:
    if not opening.cancelled() and opening.exception() is None:
        opening.result().close()
