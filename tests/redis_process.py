"""A Redis of a test's own, to be stopped, stalled and started again."""

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

START_WITHIN_S = 10


class RedisProcess:
    """Keeps nothing over a stop."""

    def __init__(self, folder: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self._port: int = free.getsockname()[1]
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self._port}"

    def start(self) -> None:
        where = ["--bind", "127.0.0.1", "--port", str(self._port), "--dir", str(self._folder)]
        self._process = subprocess.Popen(
            ["redis-server", *where, "--save", ""], stdout=subprocess.DEVNULL
        )
        give_up = time.monotonic() + START_WITHIN_S
        while time.monotonic() < give_up:
            try:
                socket.create_connection(("127.0.0.1", self._port)).close()
            except ConnectionRefusedError:
                time.sleep(0.02)
            else:
                return
        raise TimeoutError("redis-server does not start")

    def stall(self) -> None:
        self._signal(signal.SIGSTOP)

    def stop(self) -> None:
        if self._process is not None:
            self._signal(signal.SIGKILL)
            self._process.wait()
            self._process = None

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)


@contextmanager
def running_redis(folder: Path) -> Iterator[RedisProcess]:
    if shutil.which("redis-server") is None:
        missing = "no redis-server on this machine"
        if os.environ.get("CI") == "true":
            pytest.fail(missing)
        pytest.skip(missing)
    redis = RedisProcess(folder)
    redis.start()
    try:
        yield redis
    finally:
        redis.stop()
