"""What the edge costs: CPU a request of the server's process, with it and without it.

    python -m bench.edge [--rounds 400] [--requests 80] [--json FILE]

The edge is what stands before the handlers: request ids, metrics, a line of the log for each
request, errors, clients behind proxies, limits with their headers, tokens, deadlines. The bare
application is the same one on plain aiohttp with none of it but the name of a caller. One process
serves both over the same sessions, since two processes differ by more than is measured here; they
are asked for the same in turns, in many short rounds. A cost is the difference of the lowest
deciles, in which the rest of the machine was least in the way; the median of the differences of
neighbouring rounds stands beside it. At most 25 microseconds are promised.
"""

import argparse
import asyncio
import contextlib
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import orjson
import uvloop
from aiohttp import web
from aiohttp.typedefs import Handler

from bench.http import DIMENSION, vector
from bench.load import Connection, request
from bench.text import text
from semvec.licensing.keys import private_key, write_key_pair
from semvec.licensing.token import Caller, TokenClaims, sign
from semvec.licensing.verifier import open_verifier
from semvec.machine import keep_freed_memory
from semvec.service import open_service
from semvec.settings import load_settings
from semvec.telemetry.factory import open_telemetry
from semvec.telemetry.lines import as_json
from semvec.telemetry.log_writer import LogWriter
from semvec.web.app import assemble
from semvec.web.connection import HttpConnection as Guarded
from semvec.web.connection_limiter import ConnectionLimiter
from semvec.web.keys import CONTEXT, RequestContext
from semvec.web.middleware.access_log import AccessLog
from semvec.web.serve import log_to

CLIENTS = 8
MEMORIES = 100
SUBJECT = "bench"
NEVER_FULL = "100000/1000000"
"""A limit that is counted and told of, and refuses nobody."""


@dataclass(frozen=True, slots=True)
class Cost:
    """Microseconds of CPU a request: the lowest decile of the rounds, and medians."""

    name: str
    bare: float
    whole: float
    bare_median: float
    whole_median: float
    paired_median: float

    @property
    def edge(self) -> float:
        return self.whole - self.bare


def bared(app: web.Application, places: AccessLog) -> web.Application:
    """The application without its edge; whoever asks is the caller that the token names."""
    caller = Caller(SUBJECT, "pro")

    @web.middleware
    async def named(request: web.Request, handler: Handler) -> web.StreamResponse:
        place = places.of(request)
        request[CONTEXT] = RequestContext(
            "bench", place.method, place.endpoint, "127.0.0.1", place=place, caller=caller
        )
        return await handler(request)

    app.middlewares[:] = [named]
    app.cleanup_ctx.clear()
    app.on_shutdown.clear()
    return app


async def serve() -> None:
    loop = asyncio.get_running_loop()
    settings, outbox = load_settings(), LogWriter(sys.stderr, as_json)
    log_to(outbox, settings.log_level)
    telemetry, unheard = open_telemetry(settings, outbox=outbox), open_telemetry(settings)
    service = open_service(settings, telemetry.metrics, telemetry.span)
    verifier = open_verifier(settings, revoked=service.revoked)
    whole = web.AppRunner(assemble(settings, service, verifier, telemetry))
    bare = web.AppRunner(
        bared(assemble(settings, service, verifier, unheard), AccessLog(unheard)), access_log=None
    )
    await whole.setup()
    await bare.setup()
    await web.TCPSite(bare, "127.0.0.1", 0).start()
    assert whole.server
    crowd = ConnectionLimiter(settings.max_connections_per_ip)
    connection = Guarded.factory(whole.server, settings.request_deadline_s, crowd)
    guarded = await loop.create_server(connection, "127.0.0.1", 0)
    print(bare.addresses[0][1], guarded.sockets[0].getsockname()[1], flush=True)
    try:
        await asyncio.Event().wait()
    finally:
        await bare.cleanup()
        await whole.cleanup()


@dataclass(frozen=True, slots=True)
class Both:
    """A process that serves the bare application and the whole one, and a token for it."""

    pid: int
    ports: Sequence[int]
    token: str

    def spent(self) -> float:
        """Microseconds of CPU that the process has taken, threads that have ended included."""
        return time.clock_gettime(~self.pid << 3 | 2) * 1e6  # clock_getcpuclockid(3)


@contextlib.contextmanager
def both(folder: Path) -> Iterator[Both]:
    private, public = write_key_pair(folder / "keys")
    now = int(time.time())
    claims = TokenClaims(sub=SUBJECT, tier="pro", iat=now, exp=now + 3600, jti="bench")
    environment = {
        "SEMVEC_EMBEDDER": "none",
        "SEMVEC_LICENSE_PUBLIC_KEY": str(public),
        "SEMVEC_LIMIT_IP": NEVER_FULL,
        "SEMVEC_LIMIT_PRO": NEVER_FULL,
        "DATABASE_URL": f"sqlite:///{folder}/bench.db",
    }
    with (folder / "log").open("w") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "bench.edge", "--serve"],
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            env=os.environ | environment,
        )
        try:
            assert server.stdout
            ports = [int(port) for port in server.stdout.readline().split()]
            yield Both(server.pid, ports, sign(claims, private_key(private)))
        finally:
            server.terminate()
            server.wait()


def workloads(token: str) -> dict[str, list[list[bytes]]]:
    """Requests for each client, who has a session of his own."""
    chance = random.Random(0)

    def one(method: str, path: str, **body: object) -> bytes:
        head, _, rest = request(method, path, body or None).partition(b"\r\n")
        return b"\r\n".join([head, f"Authorization: Bearer {token}".encode(), rest])

    def run(client: int, learn: bool) -> bytes:
        said = {"message": text(chance), "message_embedding": vector(chance)}
        return one("POST", "/v1/run", session_id=f"s{client}", learn=learn, **said)

    clients = range(CLIENTS)
    created = [
        one("POST", "/v1/session/create", session_id=f"s{client}", dimension=DIMENSION)
        for client in clients
    ]
    return {
        "fill": [[created[n], *(run(n, True) for _ in range(MEMORIES))] for n in clients],
        "GET /v1/health": [[one("GET", "/v1/health")] for _ in clients],
        "POST /v1/run learn:false": [[run(n, False) for _ in range(50)] for n in clients],
        "POST /v1/run": [[run(n, True) for _ in range(50)] for n in clients],
    }


async def ask(connections: Sequence[Connection], shares: list[list[bytes]], each: int) -> None:
    async def client(connection: Connection, mine: Sequence[bytes]) -> None:
        for number in range(each):
            await connection.send(mine[number % len(mine)])

    await asyncio.gather(*map(client, connections, shares))


async def compare(server: Both, rounds: int, requests: int) -> list[Cost]:
    plan = workloads(server.token)
    connections = [[await Connection.open(port) for _ in range(CLIENTS)] for port in server.ports]
    await ask(connections[0], plan.pop("fill"), MEMORIES + 1)
    costs = []
    for name, shares in plan.items():
        figures: list[tuple[float, float]] = []
        for turn in range(rounds + 1):
            took = [0.0, 0.0]
            for which in (0, 1) if turn % 2 else (1, 0):
                before = server.spent()
                await ask(connections[which], shares, requests // CLIENTS)
                took[which] = (server.spent() - before) / (requests // CLIENTS * CLIENTS)
            figures.append((took[0], took[1]))
        costs.append(_cost(name, figures[1:]))  # the first round warms up
        print(line(costs[-1]), flush=True)
    return costs


def _cost(name: str, figures: Sequence[tuple[float, float]]) -> Cost:
    bare, whole = (statistics.quantiles(column, n=10) for column in zip(*figures, strict=True))
    paired = statistics.median(whole - bare for bare, whole in figures)
    return Cost(name, bare[0], whole[0], bare[4], whole[4], paired)


def line(cost: Cost) -> str:
    return (
        f"{cost.name:<26} bare {cost.bare:6.1f} us  whole {cost.whole:6.1f} us  edge "
        f"{cost.edge:5.1f} us  (medians {cost.bare_median:.1f} and {cost.whole_median:.1f}, "
        f"of the differences {cost.paired_median:.1f})"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=400)
    parser.add_argument("--requests", type=int, default=80)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.serve:
        keep_freed_memory()
        with contextlib.suppress(KeyboardInterrupt):
            uvloop.run(serve())
        return
    with tempfile.TemporaryDirectory() as folder, both(Path(folder)) as server:
        costs = asyncio.run(compare(server, args.rounds, args.requests))
    if args.json:
        rows = [{**asdict(cost), "edge": cost.edge} for cost in costs]
        args.json.write_bytes(orjson.dumps(rows, option=orjson.OPT_INDENT_2))


if __name__ == "__main__":
    main()
