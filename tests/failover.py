"""Two PostgreSQL servers of a test's own, one the other's synchronous standby."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

BINARIES = Path("/usr/lib/postgresql/15/bin")
WITHIN_S = 30
PRIMARY = """
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
synchronous_standby_names = '*'
wal_keep_size = '128MB'
wal_sender_timeout = 0
shared_buffers = '32MB'
max_connections = 60
"""


class Pair:
    """`first` begins as the primary, `second` as its synchronous standby."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.ports = [_free_port(), _free_port()]

    @property
    def url(self) -> str:
        """Leads to whichever of the two accepts writes."""
        first, second = self.ports
        return (
            f"postgresql://postgres@/semvec?host=127.0.0.1,127.0.0.1&port={first},{second}"
            "&target_session_attrs=read-write"
        )

    def start(self) -> None:
        first, second = self._folder / "first", self._folder / "second"
        _run("initdb", "-A", "trust", "-U", "postgres", "--no-sync", "-D", str(first))
        with (first / "postgresql.conf").open("a") as settings:
            settings.write(f"{PRIMARY}port = {self.ports[0]}\n")
        self._start_background("first", "-c synchronous_standby_names=''")
        where = ("-h", "127.0.0.1", "-p", str(self.ports[0]), "-U", "postgres")
        _run("createdb", *where, "semvec")
        _run("pg_basebackup", *where, "-D", str(second), "-R", "-X", "stream", "-c", "fast")
        with (second / "postgresql.conf").open("a") as settings:
            settings.write(f"port = {self.ports[1]}\n")
        self._start_background("second")
        self.query("ALTER SYSTEM SET synchronous_standby_names = '*'")
        _run("pg_ctl", "-D", str(first), "-m", "fast", "stop")
        self._start_background("first")
        self.wait_for("SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'", "1")

    def stop(self) -> None:
        for name in ("first", "second"):
            self._kill(name)

    def query(self, statement: str, node: int = 0) -> str:
        where = ("-h", "127.0.0.1", "-p", str(self.ports[node]), "-U", "postgres")
        return _run("psql", *where, "-d", "semvec", "-Atc", statement).strip()

    def stall(self) -> None:
        """Have the standby take nothing more, as if it hung."""
        os.kill(self._receiver(), signal.SIGSTOP)

    def resume(self) -> None:
        os.kill(self._receiver(), signal.SIGCONT)

    def fail_over(self) -> None:
        """The primary dies, and the standby takes its place; what was on its way to the standby is
        lost, as where the network parts them."""
        receiver = self._receiver()
        self._kill("first")
        os.kill(receiver, signal.SIGKILL)
        second = self._folder / "second"
        with (second / "postgresql.conf").open("a") as settings:
            settings.write("synchronous_standby_names = ''\n")
        _run("pg_ctl", "-D", str(second), "reload")
        self.wait_for("SELECT pg_is_in_recovery()", "t", node=1)
        _run("pg_ctl", "-D", str(second), "-w", "promote")

    def _start_background(self, name: str, options: str = "") -> None:
        folder = str(self._folder / name)
        log = str(self._folder / f"{name}.log")
        _run("pg_ctl", "-D", folder, "-o", options, "-l", log, "-w", "start")

    def wait_for(self, statement: str, wanted: str, node: int = 0) -> None:
        give_up = time.monotonic() + WITHIN_S
        while True:
            with suppress(AssertionError):  # it is starting
                if self.query(statement, node) == wanted:
                    return
            if time.monotonic() > give_up:
                raise TimeoutError(statement)
            time.sleep(0.1)

    def _receiver(self) -> int:
        """The process of the standby that takes what the primary sends."""
        (found,) = [pid for pid, title in self._children("second") if "walreceiver" in title]
        return found

    def _kill(self, name: str) -> None:
        """At once, with all its processes, also those that are stopped."""
        with suppress(FileNotFoundError):
            children = self._children(name)
            for pid in (self._postmaster(name), *(pid for pid, _ in children)):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)

    def _children(self, name: str) -> list[tuple[int, str]]:
        parent = str(self._postmaster(name))
        listed = subprocess.run(
            ("ps", "-o", "pid=,args=", "--ppid", parent),
            stdout=subprocess.PIPE,
            text=True,
            check=False,
        )
        lines = (line.strip().partition(" ") for line in listed.stdout.splitlines())
        return [(int(pid), title) for pid, _, title in lines]

    def _postmaster(self, name: str) -> int:
        return int((self._folder / name / "postmaster.pid").read_text().split()[0])


@contextmanager
def running_pair() -> Iterator[Pair]:
    """Skips where it cannot be had, but fails under CI."""
    missing = _missing()
    if missing and os.environ.get("CI") == "true":
        pytest.fail(missing)
    if missing:
        pytest.skip(missing)
    folder = Path(tempfile.mkdtemp(prefix="semvec-pair-", dir="/tmp"))
    if os.geteuid() == 0:
        postgres = pwd.getpwnam("postgres")
        os.chown(folder, postgres.pw_uid, postgres.pw_gid)
    pair = Pair(folder)
    try:
        pair.start()
        yield pair
    finally:
        pair.stop()
        shutil.rmtree(folder, ignore_errors=True)


def _missing() -> str:
    if not (BINARIES / "pg_basebackup").exists():
        return f"no PostgreSQL 15 in {BINARIES}: install postgresql-15"
    if os.geteuid() == 0 and shutil.which("setpriv") is None:
        return "no setpriv, which runs PostgreSQL as another user than root"
    return ""


def _run(program: str, *arguments: str) -> str:
    """As the user postgres: PostgreSQL refuses to run as root."""
    drop = ("setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups")
    command = (*(drop if os.geteuid() == 0 else ()), str(BINARIES / program), *arguments)
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
        cwd="/",
        check=False,
    )
    assert done.returncode == 0, f"{program}: {done.stdout}"
    return done.stdout


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    return port
