"""Requests per second, CPU per request and latency of the server, beside a bare aiohttp handler.

    python -m bench.http [--sessions 200] [--memories 500] [--seconds 5] [--json FILE]

Run it with `-m`: by its path it would stand in the way of the standard library's `http`.
The floor parses and answers the same JSON with aiohttp and orjson, and is measured right before
each endpoint in the same run. Promise 20: CPU of `/v1/run` with `learn: false` at most 3 times the
floor's, of what learns at most 5 times, p99 at most 10 ms at half load (an open loop).
"""

import argparse
import asyncio
import contextlib
import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TextIO

import numpy as np
import orjson
import psutil
from aiohttp import web

from bench.load import Connection, Sample, closed_loop, open_loop, request
from bench.text import text

CLIENTS = 16
DIMENSION = 384


@dataclass(frozen=True, slots=True)
class Figures:
    """CPU in microseconds a request, latencies in milliseconds at half of `rate`."""

    name: str
    rate: float
    cpu: float
    p50: float
    p99: float
    floor_rate: float
    floor_cpu: float
    floor_p99: float

    @property
    def cpu_ratio(self) -> float:
        return self.cpu / self.floor_cpu


class Server:
    """A server process on a port of this machine."""

    def __init__(
        self, command: Sequence[str], log: TextIO | None = None, **environment: str
    ) -> None:
        """What it logs goes to `log`, else to a file that is read where it does not start."""
        log = log or tempfile.TemporaryFile("w+")  # noqa: SIM115
        self._process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            env={**os.environ, **environment},
        )
        assert self._process.stdout is not None
        first = self._process.stdout.readline()
        if not first:
            log.seek(0)
            raise RuntimeError(f"the server does not start: {log.read()}")
        self.port = int(first.rstrip("/\n").rpartition(":")[2])
        self._usage = psutil.Process(self._process.pid)

    @property
    def pid(self) -> int:
        return self._process.pid

    def cpu(self) -> float:
        """Seconds of CPU so far, all threads."""
        times = self._usage.cpu_times()
        return float(times.user + times.system)

    def resident_mb(self) -> float:
        return float(self._usage.memory_info().rss) / 2**20

    def signal(self, number: int) -> None:
        self._process.send_signal(number)

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait()


@contextlib.contextmanager
def semvec(embedder: str) -> Iterator[Server]:
    with tempfile.TemporaryDirectory() as folder:
        server = Server(
            [sys.executable, "-m", "semvec", "serve", "--host", "127.0.0.1", "--port", "0"],
            SEMVEC_ALLOW_ANONYMOUS="1",
            SEMVEC_RATE_LIMIT="off",
            SEMVEC_EMBEDDER=embedder,
            DATABASE_URL=f"sqlite:///{folder}/bench.db",
        )
        try:
            yield server
        finally:
            server.stop()


@contextlib.contextmanager
def floor(answer: bytes) -> Iterator[Server]:
    with tempfile.NamedTemporaryFile() as file:
        Path(file.name).write_bytes(answer)
        server = Server([sys.executable, "-m", "bench.http", "--floor", file.name])
        try:
            yield server
        finally:
            server.stop()


def serve_floor(answer: bytes) -> None:
    reply = orjson.loads(answer)

    async def handle(request: web.Request) -> web.Response:
        body = await request.read()
        if body:
            orjson.loads(body)
        return web.Response(body=orjson.dumps(reply), content_type="application/json")

    async def main() -> None:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", handle)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        print(f"http://127.0.0.1:{runner.addresses[0][1]}", flush=True)
        await asyncio.Event().wait()

    import uvloop

    with contextlib.suppress(KeyboardInterrupt):
        uvloop.run(main())


def vector(chance: random.Random) -> list[float]:
    numbers = np.random.default_rng(chance.getrandbits(32)).normal(size=DIMENSION)
    return [round(number, 6) for number in numbers.tolist()]


async def fill(port: int, sessions: int, memories: int, *, ready: bool) -> list[str]:
    """Sessions with so many memories each."""
    chance = random.Random(0)
    names = [f"bench-{number}" for number in range(sessions)]
    vectors = [vector(chance) for _ in range(1000)]

    async def client(mine: Sequence[str]) -> None:
        connection = await Connection.open(port)
        for name in mine:
            new = {"session_id": name, "dimension": DIMENSION}
            await connection.send(request("POST", "/v1/session/create", new))
            for _ in range(memories):
                body = {"session_id": name, "response": text(chance)}
                given = {"response_embedding": chance.choice(vectors)} if ready else {}
                await connection.send(request("POST", "/v1/store", {**body, **given}))
        connection.close()

    await asyncio.gather(*(client(names[number::CLIENTS]) for number in range(CLIENTS)))
    return names


def workloads(sessions: Sequence[str], *, ready: bool) -> dict[str, list[list[bytes]]]:
    """For each endpoint a list of requests for each client; no two clients share a session."""
    chance = random.Random(1)

    def embedded(field: str, **body: object) -> dict[str, object]:
        return {**body, **({f"{field}_embedding": vector(chance)} if ready else {})}

    def run(name: str, learn: bool) -> bytes:
        body = embedded("message", session_id=name, message=text(chance), learn=learn)
        return request("POST", "/v1/run", body)

    def store(name: str) -> bytes:
        body = embedded("response", session_id=name, response=text(chance))
        return request("POST", "/v1/store", body)

    shares = [sessions[number::CLIENTS] for number in range(CLIENTS)]
    return {
        "GET /v1/health": [[request("GET", "/v1/health")]] * CLIENTS,
        "POST /v1/run learn:false": [[run(n, False) for n in [*mine] * 4] for mine in shares],
        "POST /v1/run": [[run(n, True) for n in [*mine] * 16] for mine in shares],
        "POST /v1/store": [[store(n) for n in [*mine] * 16] for mine in shares],
    }


async def measure(
    server: Server, requests: list[list[bytes]], seconds: float
) -> tuple[Sample, float, Sample]:
    """Closed loop, its CPU per request in microseconds, open loop at half the rate."""
    await closed_loop(server.port, requests, 0.5)
    before = server.cpu()
    busy = await closed_loop(server.port, requests, seconds)
    cpu = (server.cpu() - before) / len(busy.latencies) * 1e6
    return busy, cpu, await open_loop(server.port, requests, busy.rate / 2, seconds)


async def compare(
    server: Server, name: str, requests: list[list[bytes]], seconds: float
) -> Figures:
    connection = await Connection.open(server.port)
    answer = await connection.send(requests[0][0])
    connection.close()
    with floor(answer) as bare:
        least, least_cpu, least_half = await measure(bare, requests, seconds)
    busy, cpu, half = await measure(server, requests, seconds)
    return Figures(
        name=name,
        rate=busy.rate,
        cpu=cpu,
        p50=half.quantile(0.5) * 1e3,
        p99=half.quantile(0.99) * 1e3,
        floor_rate=least.rate,
        floor_cpu=least_cpu,
        floor_p99=least_half.quantile(0.99) * 1e3,
    )


async def bench(args: argparse.Namespace) -> list[Figures]:
    figures: list[Figures] = []
    for embedder, label in (("none", "ready vectors"), ("local", "default encoder")):
        ready = embedder == "none"
        with semvec(embedder) as server:
            share = 1 if ready else 10
            sessions = await fill(server.port, args.sessions, args.memories // share, ready=ready)
            for name, requests in workloads(sessions, ready=ready).items():
                if ready or "health" not in name:
                    row = await compare(server, f"{name}, {label}", requests, args.seconds)
                    figures.append(row)
                    print(line(row), flush=True)
            print(f"resident memory with {label}: {server.resident_mb():.0f} MB", flush=True)
    return figures


def line(row: Figures) -> str:
    return (
        f"{row.name:<42}{row.rate:>8.0f}/s{row.cpu:>8.0f} us = {row.cpu_ratio:4.1f} x floor "
        f"({row.floor_cpu:.0f} us, {row.floor_rate:.0f}/s)  half load p50 {row.p50:.1f} "
        f"p99 {row.p99:.1f} ms (floor p99 {row.floor_p99:.1f})"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--sessions", type=int, default=200)
    parser.add_argument("--memories", type=int, default=500)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--floor", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.floor:
        serve_floor(args.floor.read_bytes())
        return
    figures = asyncio.run(bench(args))
    if args.json:
        rows = [{**asdict(row), "cpu_ratio": row.cpu_ratio} for row in figures]
        args.json.write_bytes(orjson.dumps(rows, option=orjson.OPT_INDENT_2))


if __name__ == "__main__":
    main()
