"""What an acknowledged append costs, beside the same rows written by sqlite3 itself.

    python -m bench.journal [--seconds 3] [--url postgresql://…]

Without a URL it is a new SQLite file.
"""

import argparse
import asyncio
import os
import sqlite3
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import closing
from functools import partial
from itertools import chain, count
from pathlib import Path

import uvloop

from semvec.store import Append, Store

PAYLOAD = os.urandom(2500)
CLIENTS = (1, 16, 64)
Run = Callable[[int, float], Awaitable[list[float]]]
"""A number of clients that append until a time of `perf_counter`: the seconds each append took."""


async def report(name: str, clients: int, seconds: float, run: Run) -> None:
    cpu, start = time.process_time(), time.perf_counter()
    took = sorted(await run(clients, start + seconds))
    elapsed, cpu = time.perf_counter() - start, time.process_time() - cpu
    p50, p99 = took[len(took) // 2], took[len(took) * 99 // 100]
    print(
        f"{name:<8} {clients:>3} clients {len(took) / elapsed:>8.0f} appends/s"
        f"   p50 {p50 * 1e3:6.2f} ms   p99 {p99 * 1e3:6.2f} ms"
        f"   {cpu / len(took) * 1e6:5.0f} µs of CPU each"
    )


async def with_store(store: Store, clients: int, until: float) -> list[float]:
    async def client(number: int) -> list[float]:
        head = await store.create(
            "bench", f"{clients}-{number}-{os.urandom(4).hex()}", 0.0, PAYLOAD
        )
        assert head is not None
        took, line = list[float](), head.line
        for seq in count(1):
            if (start := time.perf_counter()) >= until:
                break
            appended = Append(head.key, seq, (PAYLOAD,), start, seq, seq, line=line)
            assert await store.append(appended)
            line = appended.next_line
            took.append(time.perf_counter() - start)
        return took

    return list(chain.from_iterable(await asyncio.gather(*map(client, range(clients)))))


async def with_sqlite3(path: Path, clients: int, until: float) -> list[float]:
    """One executemany per table and one commit for a row of each client, in a thread."""

    def commit(seq: int) -> None:
        connection.execute("BEGIN IMMEDIATE")
        heads = [(key, seq) for key in range(clients)]
        connection.executemany("REPLACE INTO heads VALUES (?, ?)", heads)
        rows = [(key, seq, PAYLOAD) for key in range(clients)]
        connection.executemany("INSERT INTO events VALUES (?, ?, ?)", rows)
        connection.commit()

    with closing(
        sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    ) as connection:
        connection.executescript(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
            "CREATE TABLE heads (key INTEGER PRIMARY KEY, seq INTEGER);"
            "CREATE TABLE events (key INTEGER, seq INTEGER, payload BLOB, PRIMARY KEY (key, seq));"
        )
        took = []
        for seq in count():
            if (start := time.perf_counter()) >= until:
                break
            await asyncio.to_thread(commit, seq)
            took += [time.perf_counter() - start] * clients
        return took


async def bench(url: str | None, seconds: float) -> None:
    with tempfile.TemporaryDirectory(dir=".") as directory:
        store = Store(url or f"sqlite:///{directory}/store.db")
        await store.open()
        for clients in CLIENTS:
            raw = partial(with_sqlite3, Path(directory, f"{clients}.db"))
            await report("sqlite3", clients, seconds, raw)
            await report("semvec", clients, seconds, partial(with_store, store))
        await store.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--url")
    options = parser.parse_args()
    uvloop.run(bench(options.url, options.seconds))
