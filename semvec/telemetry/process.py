"""Metrics of the process."""

import os
import resource
import time
from pathlib import Path

from semvec.telemetry.instruments import Instruments

PROC = Path("/proc/self")


class ProcessMetrics:
    """Process metrics under the names of Prometheus' own libraries, for all workers together."""

    def __init__(self, make: Instruments) -> None:
        self._cpu = make.counter("process_cpu_seconds", "User and system CPU time")
        self._resident = make.gauge("process_resident_memory_bytes", "Resident memory")
        self._open = make.gauge("process_open_fds", "Open file descriptors")
        self._most = make.gauge("process_max_fds", "File descriptors that may be open")
        started = make.gauge("process_start_time_seconds", "When the youngest worker began", "max")
        started.set(time.time())
        self._spent = 0.0

    def look(self) -> None:
        """Update the metrics; call on a thread, since it reads files."""
        usage = resource.getrusage(resource.RUSAGE_SELF)
        spent = usage.ru_utime + usage.ru_stime
        self._cpu.add(spent - self._spent)
        self._spent = spent
        self._most.set(resource.getrlimit(resource.RLIMIT_NOFILE)[0])
        if PROC.exists():
            pages = int((PROC / "statm").read_text().split()[1])
            self._resident.set(pages * resource.getpagesize())
            self._open.set(len(os.listdir(PROC / "fd")))
