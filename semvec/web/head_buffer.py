"""A buffer for an incomplete request head, in memory that returns to the system at once."""

import mmap


class Kept:
    """Hold up to `room` bytes.

    They lie in their own pages: the C allocator would not return the memory that a thousand clients
    have used.
    """

    __slots__ = ("_pages", "_room", "_size")

    def __init__(self, room: int) -> None:
        self._room, self._size = room, 0
        self._pages: mmap.mmap | None = None

    def __len__(self) -> int:
        return self._size

    def add(self, data: bytes) -> None:
        """Append bytes. Raise OSError if the system has no more pages."""
        if self._pages is None:
            self._pages = mmap.mmap(-1, self._room, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        self._pages[self._size : self._size + len(data)] = data
        self._size += len(data)

    def take(self) -> bytes:
        """Return all bytes and empty the buffer."""
        if self._pages is None:
            return b""
        content = self._pages[: self._size]
        self._pages.close()
        self._pages, self._size = None, 0
        return content
