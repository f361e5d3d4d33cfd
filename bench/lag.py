"""How late the server's event loop is, at the load it is rated for: promise 15.

    python -m bench.lag [--sessions 200] [--memories 100] [--seconds 10]

A task in the server's own loop sleeps 5 ms over and over and counts by how much it wakes too late,
and how much of that the loop's thread can have worked: the CPU it used since it last woke, where
that is less. The rest is the machine's, shared with this load and with others. Rated load is half
of what 16 clients get through when each waits for its answers.
"""

import argparse
import asyncio
import contextlib
import os
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import orjson
import uvloop

from bench.http import Server, fill, workloads
from bench.load import closed_loop, open_loop
from semvec.settings import load_settings
from semvec.telemetry.lines import for_eyes
from semvec.telemetry.log_writer import LogWriter
from semvec.web import serve

TICK_S = 0.005


class Probe:
    """Lateness in seconds and what of it was work, told to a file on SIGUSR1."""

    def __init__(self, told: Path) -> None:
        self._lags: list[tuple[float, float]] = []
        self._told = told

    async def run(self) -> None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, self._tell)
        while True:
            due, used = time.perf_counter() + TICK_S, time.thread_time()
            await asyncio.sleep(TICK_S)
            late = max(0.0, time.perf_counter() - due)
            self._lags.append((late, min(late, time.thread_time() - used)))

    def _tell(self) -> None:
        lags, self._lags = self._lags, []
        new = self._told.with_suffix(".new")
        new.write_bytes(orjson.dumps([sorted(each) for each in zip(*lags, strict=True)]))
        new.rename(self._told)


async def watched(told: Path) -> None:
    probe = asyncio.create_task(Probe(told).run())
    outbox = LogWriter(sys.stderr, for_eyes)
    await serve._serve(load_settings(host="127.0.0.1", port=0), outbox)
    outbox.close()
    probe.cancel()


class Watched:
    """A server in a process of its own, and what its loop's probe tells."""

    def __init__(self, server: Server, told: Path) -> None:
        self.server, self._told = server, told

    async def lags(self) -> tuple[list[float], list[float]]:
        """Lateness since the last call, and what of it was work; each sorted."""
        self.server.signal(signal.SIGUSR1)
        while not self._told.exists():  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        late, worked = orjson.loads(self._told.read_bytes())
        self._told.unlink()
        return late, worked


@contextlib.contextmanager
def semvec(embedder: str) -> Iterator[Watched]:
    with tempfile.TemporaryDirectory() as folder:
        told = Path(folder) / "lags"
        server = Server(
            [sys.executable, "-m", "bench.lag", "--serve", str(told)],
            SEMVEC_ALLOW_ANONYMOUS="1",
            SEMVEC_RATE_LIMIT="off",
            SEMVEC_EMBEDDER=embedder,
            DATABASE_URL=f"sqlite:///{folder}/bench.db",
        )
        try:
            yield Watched(server, told)
        finally:
            server.stop()


async def bench(args: argparse.Namespace) -> None:
    for embedder, label in (("none", "ready vectors"), ("local", "default encoder")):
        ready = embedder == "none"
        with semvec(embedder) as watched:
            port = watched.server.port
            share = 1 if ready else 10
            sessions = await fill(port, args.sessions, args.memories // share, ready=ready)
            for name, requests in workloads(sessions, ready=ready).items():
                busy = await closed_loop(port, requests, args.seconds / 4)
                await watched.lags()
                await open_loop(port, requests, busy.rate / 2, args.seconds)
                late, worked = await watched.lags()
                print(
                    f"{name + ', ' + label:<42}{busy.rate / 2:>6.0f}/s  "
                    f"late p50 {at(late, 0.5)} p99 {at(late, 0.99)} most {at(late, 1)} ms, "
                    f"by work p99 {at(worked, 0.99)} most {at(worked, 1)} ms",
                    flush=True,
                )


def at(lags: list[float], share: float) -> str:
    return f"{lags[min(len(lags) - 1, int(share * len(lags)))] * 1e3:.1f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--sessions", type=int, default=200)
    parser.add_argument("--memories", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--serve", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.serve:
        uvloop.run(watched(args.serve))
        return
    print(f"load average before: {os.getloadavg()[0]:.1f}")
    asyncio.run(bench(args))
    print(f"load average after: {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
