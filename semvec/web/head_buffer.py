"""Bytes of a request that is not whole yet, in memory that goes back to the system at once."""

import mmap


class Kept:
    """Up to `room` bytes.

    They lie in pages of their own: the allocator of the C library would not give back what a
    thousand clients have left in it.
    """

    __slots__ = ("_pages", "_room", "_size")

    def __init__(self, room: int) -> None:
        self._room, self._size = room, 0
        self._pages: mmap.mmap | None = None

    def __len__(self) -> int:
        return self._size

    def add(self, data: bytes) -> None:
        """Raises OSError where the system has no more pages."""
        if self._pages is None:
            self._pages = mmap.mmap(-1, self._room, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        self._pages[self._size : self._size + len(data)] = data
        self._size += len(data)

    def take(self) -> bytes:
        """All of them; none are left."""
        if self._pages is None:
            return b""
        content = self._pages[: self._size]
        self._pages.close()
        self._pages, self._size = None, 0
        return content
