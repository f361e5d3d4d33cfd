"""What the machine has to give."""

import contextlib
import ctypes
import os
import re
from pathlib import Path

CGROUP = Path("/sys/fs/cgroup")
MEMINFO = Path("/proc/meminfo")
FREE_SHARE = 64 << 20
TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3
"""Parameters of mallopt(3)."""


def free_memory() -> int:
    """Bytes this process may still take: what is available, or what a container leaves if less."""
    room = _container_room()
    available = _available()
    return available if room is None else min(room, available)


def keep_freed_memory() -> None:
    """Have the allocator keep what is freed, up to KEPT bytes, for what comes next.

    Each recall takes and leaves arrays of some hundred kilobytes. The C library of Linux gives such
    back to the system at once, and finding their pages again takes longer than filling them.
    """
    with contextlib.suppress(AttributeError):  # other C libraries have no mallopt
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(TRIM_THRESHOLD, FREE_SHARE)
        mallopt(MMAP_THRESHOLD, FREE_SHARE // 2)


def _available() -> int:
    if MEMINFO.exists():
        fields = dict(line.split(":", 1) for line in MEMINFO.read_text().splitlines())
        return int(fields["MemAvailable"].split()[0]) * 1024
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def _container_room() -> int | None:
    try:
        limit = (CGROUP / "memory.max").read_text().strip()
        used = int((CGROUP / "memory.current").read_text())
        cache = re.search(r"^inactive_file (\d+)$", (CGROUP / "memory.stat").read_text(), re.M)
    except OSError:
        return None
    # Cached files count as used, but make room for whoever asks.
    spare = int(cache[1]) if cache else 0
    return None if limit == "max" else max(0, int(limit) - used + spare)
