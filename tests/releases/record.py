"""Records what a release writes: a database of each kind, and what each session of it exports.

    python -m tests.releases.record OUT_DIR

Run it in a checkout of the release, once, when the release is made. It starts that checkout's
server on a fresh SQLite file, then on a fresh PostgreSQL database, drives the same requests
against both, kills the server so that journals stay beside snapshots, and writes
`VERSION.sqlite.gz`, `VERSION.postgresql.gz` (from `pg_dump`) and `VERSION.json.gz`.
"""

import argparse
import asyncio
import gzip
import json
import math
import os
import random
import secrets
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import asyncpg

import semvec

POSTGRES = "postgresql://root@127.0.0.1:5432/postgres"
DIMENSION = 8
WAIT_S = 30


def record(folder: Path) -> None:
    """Write the three files into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    version = semvec.__version__
    database = folder / "semvec.db"
    sqlite_exports = _drive(f"sqlite:///{database}")
    _checkpoint(database)
    _pack(folder / f"{version}.sqlite.gz", database.read_bytes())
    database.unlink()
    name = f"semvec_release_{secrets.token_hex(4)}"
    _execute(f"CREATE DATABASE {name}")
    try:
        url = POSTGRES.rsplit("/", 1)[0] + f"/{name}"
        postgres_exports = _drive(url)
        dump = ["pg_dump", "--inserts", "--no-owner", "--no-privileges", url]
        _pack(folder / f"{version}.postgresql.gz", subprocess.check_output(dump))
    finally:
        _execute(f"DROP DATABASE {name} WITH (FORCE)")
    exports = {"sqlite": sqlite_exports, "postgresql": postgres_exports}
    _pack(folder / f"{version}.json.gz", json.dumps(exports, sort_keys=True).encode())


def _drive(url: str) -> dict[str, Any]:
    """Run the script against a server of its own; the exports of all sessions by id."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    environment = {
        **os.environ,
        "DATABASE_URL": url,
        "SEMVEC_ALLOW_ANONYMOUS": "1",
        "SEMVEC_RATE_LIMIT": "off",
    }
    command = [sys.executable, "-m", "semvec", "serve", "--host", "127.0.0.1", "--port", str(port)]
    server = subprocess.Popen([*command, "--log-level", "error"], env=environment)
    client = _Client(f"http://127.0.0.1:{port}")
    try:
        client.wait()
        return _script(client)
    finally:
        server.send_signal(signal.SIGKILL)
        server.wait()


def _script(client: "_Client") -> dict[str, Any]:
    """A session of each sort; every kind of event and every table has rows afterwards."""
    _talk(client)
    _archive(client)
    _controls(client)
    _coordination(client)
    ids = ("talk", "archive", "controls", "a", "b", "c")
    return {name: client.get(f"/v1/session/{name}/export") for name in ids}


def _talk(client: "_Client") -> None:
    """Texts that the packaged encoder encodes, with a pending question at the end."""
    client.post("/v1/session/create", session_id="talk", dimension=384)
    turns = [
        ("My sister Lotte lives in Braga.", "Noted: Lotte lives in Braga."),
        ("The tent weighs 2.4 kg and sleeps three.", "Light enough to carry."),
        ("We meet on 14 June at the north gate.", "At what time?"),
        ("At half past seven. Bring the red kite!", "I will remind you."),
        ("Lotte moved to Faro last week.", "Noted: Faro."),
        ("Wie heißt der Hund von Øyvind? Er heißt Ŝpuro.", "Der Hund heißt Ŝpuro."),
    ]
    for message, response in turns:
        client.post("/v1/run", session_id="talk", message=message)
        client.post("/v1/store", session_id="talk", response=response)
    client.post("/v1/session/talk/entities", key="config/MAX_RETRIES", value="7", kind="constant")
    client.post("/v1/run", session_id="talk", message="What does the tent weigh?")


def _archive(client: "_Client") -> None:
    """More memories than fit, so that most are archived, and some come back."""
    small = {"dimension": DIMENSION, "long_term_memories": 4}
    client.post("/v1/session/create", session_id="archive", **small)
    draw = random.Random(1)
    for number in range(130):
        client.post(
            "/v1/run",
            session_id="archive",
            message=f"Note {number}: parcel {number * 7} goes to shelf {number % 9}.",
            message_embedding=_direction(draw),
            response=f"Parcel {number * 7 - 7} is filed." if number else None,
            response_embedding=_direction(draw) if number else None,
        )
    for number in (3, 11, 40):
        question = {"q": f"parcel {number * 7}", "q_embedding": _direction(draw)}
        client.post("/v1/state/context", session_id="archive", **question)


def _controls(client: "_Client") -> None:
    """Triggers, anchors, isolation with held items, injected memories."""
    axes = [[float(i == axis) for i in range(DIMENSION)] for axis in range(DIMENSION)]
    client.post(
        "/v1/session/create",
        session_id="controls",
        dimension=DIMENSION,
        template_embedding=axes[0],
        policy_vectors=[{"embedding": axes[1], "weight": 0.5, "label": "calm"}],
    )
    client.post("/v1/session/controls/trigger", keyword="parcel", threshold=0.8)
    client.post("/v1/session/controls/trigger", embedding=axes[2], threshold=0.6)
    client.post("/v1/session/controls/anchor", embedding=axes[3])
    isolation = {"level": "QUARANTINE", "exclusion_embeddings": [axes[4]]}
    client.send("PUT", "/v1/session/controls/isolation", isolation)
    for axis in (0, 4, 5):
        client.post(
            "/v1/run", session_id="controls", message=f"On {axis}.", message_embedding=axes[axis]
        )
    memory = {"text": "Injected.", "embedding": axes[6], "tier": "long_term", "importance": 0.9}
    client.post("/v1/session/controls/memory", **memory)


def _coordination(client: "_Client") -> None:
    """Clusters, a region with votes, an observer, users, trust, a transfer."""
    draw = random.Random(2)
    for name in ("a", "b", "c"):
        client.post("/v1/session/create", session_id=name, dimension=DIMENSION)
        for number in range(4):
            vector = _direction(draw)
            client.post(
                "/v1/run", session_id=name, message=f"{name}{number}.", message_embedding=vector
            )
    mode = {"aggregation_mode": "weighted_average", "coupling_factor": 0.3}
    client.post("/v1/cluster/", cluster_id="team", name="Team", dimension=DIMENSION, **mode)
    for name in ("a", "b"):
        client.post("/v1/cluster/team/members", session_id=name)
    client.post("/v1/region/", region_id="north", name="North", dimension=DIMENSION)
    client.post("/v1/region/north/clusters", cluster_id="team")
    client.post("/v1/cluster/team/feedback")
    client.post("/v1/observer/", observer_id="watch")
    client.post("/v1/observer/regions", region_id="north")
    client.post("/v1/observer/sample")
    client.post("/v1/network/transfer", source_session_id="a", target_session_id="c")
    client.post("/v1/network/consensus", proposer_session_id="a", target_embedding=_direction(draw))
    client.post("/v1/network/users/switch", user_id="lotte")
    client.post("/v1/session/create", session_id="of-lotte", dimension=DIMENSION)


class _Client:
    def __init__(self, url: str) -> None:
        self._url = url

    def wait(self) -> None:
        give_up = time.monotonic() + WAIT_S
        while True:
            try:
                self.get("/v1/readyz")
            except OSError:
                if time.monotonic() > give_up:
                    raise
                time.sleep(0.1)
            else:
                return

    def get(self, path: str) -> Any:
        return self.send("GET", path)

    def post(self, path: str, **fields: object) -> Any:
        return self.send("POST", path, {k: v for k, v in fields.items() if v is not None})

    def send(self, method: str, path: str, body: object = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"}
        try:
            with urlopen(Request(self._url + path, data, headers, method=method)) as answer:
                return json.loads(answer.read())
        except HTTPError as error:
            raise RuntimeError(f"{method} {path}: {error.code} {error.read()!r}") from error


def _direction(draw: random.Random) -> list[float]:
    """A unit vector, rounded so that it is short as JSON."""
    vector = [draw.gauss(0, 1) for _ in range(DIMENSION)]
    length = math.hypot(*vector)
    return [round(value / length, 3) for value in vector]


def _checkpoint(database: Path) -> None:
    """Bring the write-ahead log into the file, so that one file is the whole database."""
    connection = sqlite3.connect(database)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()


def _pack(path: Path, content: bytes) -> None:
    path.write_bytes(gzip.compress(content, mtime=0))


def _execute(statement: str) -> None:
    async def execute() -> None:
        connection = await asyncpg.connect(POSTGRES)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()

    asyncio.run(execute())


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("folder", type=Path)
    record(arguments.parse_args().folder)
