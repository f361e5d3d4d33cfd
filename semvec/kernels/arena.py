"""Vectors of all sessions: one plane for each width, in address space that is reserved at once.

Memory is taken where a row is written and given back where a page is, so that a small machine
starts as well, and what an evicted session leaves serves everybody.
"""

import mmap
import sys
from collections import deque
from threading import Lock
from weakref import WeakValueDictionary

import numpy as np

from semvec.errors import Unavailable
from semvec.kernels.pages import PAGE_ROWS, PART_ROWS
from semvec.kernels.rows import Codes, Scales

LEAST_RESERVED = 1 << 34
"""Bytes of address space for a plane; only what is written takes memory."""
LEAST_ROWS = 1 << 12
"""Fewer rows than these are not worth a plane."""
ADDRESSES, SHARES = 1 << 46, 64
"""Bytes of address space for all planes, and how many times a new one leaves what it takes."""
RESERVED_TIMES = 4
"""What a plane has address space for, over the budget: the session in use stays whatever it takes,
and others take a moment to leave."""
POOL_SIZES = tuple(PART_ROWS << times for times in range((PAGE_ROWS // PART_ROWS).bit_length()))
PRIVATE = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
NORESERVE = 0x4000 if sys.platform == "linux" else 0
"""MAP_NORESERVE, which Python names from 3.13 on."""

PlaneChange = tuple[int, int]
"""The first of some rows, and how many."""


class Arena:
    """`Planes` of everybody, from any thread. `budget` is what hot sessions may count together.

    A plane goes with the last session that has rows of its width: clients choose widths, and
    address space ends as well.
    """

    def __init__(self, budget: int) -> None:
        self._wanted = max(RESERVED_TIMES * budget, LEAST_RESERVED)
        self._planes = WeakValueDictionary[int, SharedPool]()
        self._lock = Lock()

    @property
    def nbytes(self) -> int:
        """Bytes of the pages that sessions have."""
        return sum(plane.nbytes for plane in list(self._planes.values()))

    def plane(self, width: int) -> "SharedPool":
        with self._lock:
            plane = self._planes.get(width)
            if plane is None:
                left = ADDRESSES - sum(each.reserved for each in self._planes.values())
                plane = SharedPool(width, min(self._wanted, left // SHARES))
                self._planes[width] = plane
            return plane


class SharedPool:
    """A plane in which every session has its own pages; see `pages.Plane`.

    `end` is past the last row that anybody ever had. A copy elsewhere watches what changes.
    """

    def __init__(self, width: int, reserved: int) -> None:
        self.width = width
        self._codes, self._scales, rows = _reserved(width, reserved)
        self.reserved = rows * (width + 4)
        self.codes: Codes = self._codes.array(np.int8, rows * width).reshape(rows, width)
        self.scales: Scales = self._scales.array(np.float32, rows)
        self._changes: deque[PlaneChange] | None = None
        self._free = BuddyAllocator(rows)
        self._given: deque[PlaneChange] = deque()
        self._lock = Lock()

    @property
    def nbytes(self) -> int:
        with self._lock:
            self._settle()
            return self._free.taken * (self.width + 4)

    @property
    def end(self) -> int:
        return self._free.end

    def allocate(self) -> int:
        return self._take(PART_ROWS)

    def widen(self, first: int, rows: int) -> int:
        wider = self._take(2 * rows)
        self.codes[wider : wider + rows] = self.codes[first : first + rows]
        self.scales[wider : wider + rows] = self.scales[first : first + rows]
        self.mark_dirty(wider, rows)
        self.free(first, rows)
        return wider

    def free(self, first: int, rows: int) -> None:
        """Without a lock: the garbage collector may come here while somebody holds it."""
        self._codes.release(first * self.width, rows * self.width)
        self._given.append((first, rows))

    def mark_dirty(self, first: int, rows: int) -> None:
        if self._changes is not None:
            self._changes.append((first, rows))

    def watch(self) -> None:
        """Note from now on what changes; all that was written until now has changed."""
        self._changes = deque()
        self._changes.append((0, self.end))

    def unseen(self) -> list[PlaneChange]:
        """What has changed since the last call, on the thread that watches."""
        changes: list[PlaneChange] = []
        while self._changes:
            changes.append(self._changes.popleft())
        return changes

    def requeue(self, changes: list[PlaneChange]) -> None:
        """These have not been seen after all."""
        if self._changes is not None:
            self._changes.extendleft(changes)

    def _take(self, rows: int) -> int:
        with self._lock:
            self._settle()
            return self._free.allocate(rows)

    def _settle(self) -> None:
        while self._given:
            self._free.free(*self._given.popleft())


class BuddyAllocator:
    """Which rows are free: pages, and halves, quarters and eighths of pages that are in use.

    A buddy system (Knowlton, CACM 1965): a part that comes back joins its other half.
    """

    def __init__(self, rows: int) -> None:
        self.end, self.taken = 0, 0
        self._rows = rows
        self._parts: dict[int, set[int]] = {size: set() for size in POOL_SIZES}

    def allocate(self, size: int) -> int:
        """The first of so many rows, one of SIZES."""
        found = next((each for each in POOL_SIZES if each >= size and self._parts[each]), None)
        if found is None:
            first, found = self._fresh(), PAGE_ROWS
        else:
            first = self._parts[found].pop()
        while found > size:
            found //= 2
            self._parts[found].add(first + found)
        self.taken += size
        return first

    def free(self, first: int, size: int) -> None:
        self.taken -= size
        while size < PAGE_ROWS and (other := first ^ size) in self._parts[size]:
            self._parts[size].remove(other)
            first, size = min(first, other), 2 * size
        self._parts[size].add(first)

    def _fresh(self) -> int:
        if self.end + PAGE_ROWS > self._rows:
            raise Unavailable("there is no room for more vectors in memory")
        self.end += PAGE_ROWS
        return self.end - PAGE_ROWS


class ReservedMemory:
    """Address space that takes memory where it is written. Raises OSError where there is none."""

    def __init__(self, size: int) -> None:
        self._map = mmap.mmap(-1, max(1, size), flags=PRIVATE | NORESERVE)

    def array(self, dtype: type[np.generic], number: int) -> np.ndarray:
        return np.frombuffer(self._map, dtype, number)

    def release(self, begin: int, size: int) -> None:
        """Give whole pages of the system's back; they read as zeros from then on."""
        first = -(-begin // mmap.PAGESIZE) * mmap.PAGESIZE
        length = (begin + size) // mmap.PAGESIZE * mmap.PAGESIZE - first
        if length > 0:
            self._map.madvise(mmap.MADV_DONTNEED, first, length)


def _reserved(width: int, size: int) -> tuple[ReservedMemory, ReservedMemory, int]:
    """Room for codes and for scales, and for how many rows: as many as the system grants."""
    rows = size // (width + 4) // PAGE_ROWS * PAGE_ROWS
    if rows < LEAST_ROWS:
        raise Unavailable("no address space for vectors: there are too many dimensions")
    while True:
        try:
            return ReservedMemory(rows * width), ReservedMemory(4 * rows), rows
        except OSError as error:
            rows = rows // 2 // PAGE_ROWS * PAGE_ROWS
            if rows < LEAST_ROWS:
                raise Unavailable(f"no address space for vectors: {error.strerror}") from error
