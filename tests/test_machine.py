import subprocess
import sys
from pathlib import Path

import pytest

from semvec import machine

GIB = 1 << 30


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with 8 GiB available, whose container limits are to be written."""
    (tmp_path / "meminfo").write_text(f"MemTotal: 9 kB\nMemAvailable:  {8 * GIB // 1024} kB\n")
    monkeypatch.setattr(machine, "MEMINFO", tmp_path / "meminfo")
    monkeypatch.setattr(machine, "CGROUP", tmp_path)
    return tmp_path


def limit(host: Path, maximum: str, used: int = 0, cached: int = 0) -> None:
    (host / "memory.max").write_text(f"{maximum}\n")
    (host / "memory.current").write_text(f"{used}\n")
    (host / "memory.stat").write_text(f"anon 1\ninactive_file {cached}\nactive_file 7\n")


def test_what_is_available_is_free_where_nothing_limits_it(host: Path) -> None:
    assert machine.free_memory() == 8 * GIB
    limit(host, "max", used=3 * GIB)
    assert machine.free_memory() == 8 * GIB


def test_a_container_may_leave_less(host: Path) -> None:
    limit(host, str(4 * GIB), used=3 * GIB, cached=GIB // 2)
    assert machine.free_memory() == GIB + GIB // 2
    limit(host, str(64 * GIB))
    assert machine.free_memory() == 8 * GIB
    limit(host, str(GIB), used=2 * GIB)
    assert machine.free_memory() == 0


def test_the_machine_of_this_test_has_memory() -> None:
    assert machine.free_memory() > 0


@pytest.mark.skipif(sys.platform != "linux", reason="mallopt is Linux's")
def test_memory_that_is_kept_is_not_asked_for_again() -> None:
    assert 10 * faults("keep_freed_memory()") < faults("None")


def faults(first: str) -> int:
    """Pages that a process had to ask for while it took and left arrays."""
    code = (
        "import resource, numpy as np\n"
        "from semvec.machine import keep_freed_memory\n"
        f"{first}\n"
        "def work():\n"
        "    held = [np.ones(250_000) for _ in range(3)]\n"
        "[work() for _ in range(9)]\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt\n"
        "[work() for _ in range(100)]\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return int(done.stdout)
