"""Restart the server when its source changes; for development."""

import signal
import subprocess
import sys
import time
from pathlib import Path
from types import FrameType

import semvec
from semvec.settings import Settings

RELOAD_POLL_S = 0.5
SOURCE = Path(semvec.__file__).parent


def serve_and_reload(settings: Settings) -> int:
    """Run the server as a child process until a signal; return the last child's exit status."""
    signal.signal(signal.SIGTERM, _interrupt)
    seen = _changes()
    server = _start(settings)
    try:
        while True:
            time.sleep(RELOAD_POLL_S)
            if (now := _changes()) != seen:
                seen = now
                server.terminate()
                server.wait()
                server = _start(settings)
    except KeyboardInterrupt:
        server.terminate()
        return server.wait()


def _start(settings: Settings) -> subprocess.Popen[bytes]:
    flags = {
        "--host": settings.host,
        "--port": settings.port,
        "--log-level": settings.log_level,
        "--tls-cert": settings.tls_cert,
        "--tls-key": settings.tls_key,
    }
    given = {flag: value for flag, value in flags.items() if value is not None}
    arguments = [str(part) for flag in given.items() for part in flag]
    # A group of its own keeps the terminal's Ctrl-C from reaching the child as a second signal.
    return subprocess.Popen([sys.executable, "-m", "semvec", "serve", *arguments], process_group=0)


def _changes() -> dict[Path, float]:
    return {path: path.stat().st_mtime for path in SOURCE.rglob("*.py")}


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt
