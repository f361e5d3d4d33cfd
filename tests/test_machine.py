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
