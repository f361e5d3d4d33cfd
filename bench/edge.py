"""What the edge costs: CPU a request of the server's process, with it and without it.

    python -m bench.edge [--rounds 60] [--requests 400] [--json FILE]

The edge is what stands before the handlers: request ids, metrics, a line of the log for each
request, errors, clients behind proxies, limits with their headers, tokens, deadlines. The bare
server is the same application on plain aiohttp with none of it but the name of a caller. Both run
at the same time and are asked for the same in turns, in many short rounds. A cost is the lowest
decile of the rounds, in which the rest of the machine was least in the way; the medians stand
beside it. At most 25 microseconds are promised.
"""

import argparse
import asyncio
import contextlib
import random
import statistics
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

from bench.http import DIMENSION, Server, vector
from bench.load import Connection, request
from bench.text import text
from semvec.licensing.keys import private_key, write_key_pair
from semvec.licensing.token import Caller, Claims, sign
from semvec.settings import load_settings
from semvec.web import create_app
from semvec.web.keys import CALLER, CLIENT, REQUEST_ID

CLIENTS = 8
MEMORIES = 100
SUBJECT = "bench"
NEVER_FULL = "100000/1000000"
"""A limit that is counted and told of, and refuses nobody."""


@dataclass(frozen=True, slots=True)
class Cost:
    """Microseconds of CPU a request: the lowest decile of the rounds, and their median."""

    name: str
    bare: float
    whole: float
    bare_median: float
    whole_median: float

    @property
    def edge(self) -> float:
        return self.whole - self.bare


def serve_bare() -> None:
    @web.middleware
    async def named(request: web.Request, handler: Handler) -> web.StreamResponse:
        request[CALLER] = Caller(SUBJECT, "pro")
        request[CLIENT], request[REQUEST_ID] = "127.0.0.1", "bench"
        return await handler(request)

    async def main() -> None:
        app = create_app(load_settings())
        app.middlewares[:] = [named]
        app.on_response_prepare.clear()
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        print(f"http://127.0.0.1:{runner.addresses[0][1]}", flush=True)
        await asyncio.Event().wait()

    with contextlib.suppress(KeyboardInterrupt):
        uvloop.run(main())


@contextlib.contextmanager
def both(folder: Path) -> Iterator[tuple[list[Server], str]]:
    """The bare server and the whole one, and a token."""
    private, public = write_key_pair(folder / "keys")
    now = int(time.time())
    claims = Claims(sub=SUBJECT, tier="pro", iat=now, exp=now + 3600, jti="bench")
    environment = {
        "SEMVEC_EMBEDDER": "none",
        "SEMVEC_LICENSE_PUBLIC_KEY": str(public),
        "SEMVEC_LIMIT_IP": NEVER_FULL,
        "SEMVEC_LIMIT_PRO": NEVER_FULL,
        "SEMVEC_LOG_FORMAT": "json",
    }
    commands = {
        "bare": [sys.executable, "-m", "bench.edge", "--bare"],
        "whole": [sys.executable, "-m", "semvec", "serve", "--host", "127.0.0.1", "--port", "0"],
    }
    with contextlib.ExitStack() as stack:
        servers = []
        for name, command in commands.items():
            log = stack.enter_context((folder / f"{name}.log").open("w"))
            url = f"sqlite:///{folder}/{name}.db"
            servers.append(Server(command, log, DATABASE_URL=url, **environment))
            stack.callback(servers[-1].stop)
        yield servers, sign(claims, private_key(private))


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


def spent(server: Server) -> float:
    """Microseconds of CPU that the process has taken, threads that have ended included."""
    return time.clock_gettime(~server.pid << 3 | 2) * 1e6  # what clock_getcpuclockid(3) makes of it


async def ask(connections: Sequence[Connection], shares: list[list[bytes]], each: int) -> None:
    async def client(connection: Connection, mine: Sequence[bytes]) -> None:
        for number in range(each):
            await connection.send(mine[number % len(mine)])

    await asyncio.gather(*map(client, connections, shares))


async def compare(servers: Sequence[Server], token: str, rounds: int, requests: int) -> list[Cost]:
    plan = workloads(token)
    connections = [[await Connection.open(each.port) for _ in range(CLIENTS)] for each in servers]
    for mine in connections:
        await ask(mine, plan["fill"], MEMORIES + 1)
    del plan["fill"]
    costs = []
    for name, shares in plan.items():
        figures: list[tuple[float, float]] = []
        for turn in range(rounds + 1):
            took = [0.0, 0.0]
            for which in (0, 1) if turn % 2 else (1, 0):
                before = spent(servers[which])
                await ask(connections[which], shares, requests // CLIENTS)
                took[which] = (spent(servers[which]) - before) / (requests // CLIENTS * CLIENTS)
            figures.append((took[0], took[1]))
        costs.append(_cost(name, figures[1:]))  # the first round warms up
        print(line(costs[-1]), flush=True)
    return costs


def _cost(name: str, figures: Sequence[tuple[float, float]]) -> Cost:
    bare, whole = (statistics.quantiles(column, n=10) for column in zip(*figures, strict=True))
    return Cost(name, bare[0], whole[0], bare[4], whole[4])


def line(cost: Cost) -> str:
    return (
        f"{cost.name:<26} bare {cost.bare:6.1f} us  whole {cost.whole:6.1f} us  edge "
        f"{cost.edge:5.1f} us  (medians {cost.bare_median:.1f} and {cost.whole_median:.1f})"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--requests", type=int, default=400)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--bare", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.bare:
        serve_bare()
        return
    with tempfile.TemporaryDirectory() as folder, both(Path(folder)) as (servers, token):
        costs = asyncio.run(compare(servers, token, args.rounds, args.requests))
    if args.json:
        rows = [{**asdict(cost), "edge": cost.edge} for cost in costs]
        args.json.write_bytes(orjson.dumps(rows, option=orjson.OPT_INDENT_2))


if __name__ == "__main__":
    main()
