"""What going on record costs a request, beside the same writes without it.

    python -m bench.audit [--rounds 7] [--writes 4000] [--clients 16]

Appends of 2.5 kB to sessions of one SQLite database, so many at once; CPU of all threads in
microseconds a write, the least of all rounds, which take turns.
"""

import argparse
import asyncio
import tempfile
import time
from collections.abc import Awaitable, Callable

from semvec.store import Append, AuditInfo, Store, WriteContext, write_context

EVENT = bytes(2500)


def receipt(number: int) -> AuditInfo:
    return AuditInfo(
        time.time(), "acme", "run", "session", f"s{number}", 200, "0f" * 8, "192.0.2.7"
    )


async def append(store: Store, appended: Append, number: int) -> None:
    assert await store.append(appended)


async def recorded(store: Store, appended: Append, number: int) -> None:
    with write_context(WriteContext(receipt(number))):
        await append(store, appended, number)


Write = Callable[[Store, Append, int], Awaitable[None]]


async def cpu(store: Store, name: str, write: Write, writes: int, clients: int) -> float:
    """Microseconds a write."""
    heads = [await store.create("acme", f"{name}-{n}", 0.0, EVENT) for n in range(clients)]

    async def client(number: int) -> None:
        head = heads[number]
        assert head is not None
        line = head.line
        for seq in range(1, writes // clients + 1):
            appended = Append(head.key, seq, (EVENT,), 0.0, seq, seq, line=line)
            await write(store, appended, number)
            line = appended.next_line

    before = time.process_time()
    await asyncio.gather(*map(client, range(clients)))
    return (time.process_time() - before) / writes * 1e6


async def bench(rounds: int, writes: int, clients: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        store = Store(f"sqlite:///{folder}/bench.db")
        await store.open()
        kinds: dict[str, Write] = {"plain": append, "on record": recorded}
        least = dict.fromkeys(kinds, float("inf"))
        for turn in range(rounds):
            for kind, write in kinds.items():
                took = await cpu(store, f"{kind}-{turn}", write, writes, clients)
                least[kind] = min(least[kind], took)
        await store.close()
    plain, row = least["plain"], least["on record"]
    print(f"{clients} clients: {plain:.1f} us, on record {row:.1f} us: {row - plain:.1f} us more")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--writes", type=int, default=4000)
    parser.add_argument("--clients", type=int, default=16)
    args = parser.parse_args()
    asyncio.run(bench(args.rounds, args.writes, args.clients))


if __name__ == "__main__":
    main()
