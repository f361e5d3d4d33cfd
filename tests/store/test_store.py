"""A server's whole life on one database: opening, being killed, opening again."""

import asyncio
import random
import sys

import pytest

from semvec.errors import Unavailable
from semvec.store import Append, Store, StoreError
from tests.store.lines import in_line

SERVER = """
import asyncio, sys
from semvec.store import Append, Store
from tests.store.lines import append as appended

async def client(store, name):
    head = await store.head("o", name) or await store.create("o", name, 0.0, b"1")
    seq = head.seq
    while await appended(store, Append(head.key, seq, (b"%d" % (seq + 1),) * 2, 0.0, 0, 0)):
        seq += 2
        print(name, seq, flush=True)

async def main():
    store = Store(sys.argv[1])
    await store.open()
    print("open", 0, flush=True)
    await asyncio.gather(*(client(store, f"s{n}") for n in range(8)))

asyncio.run(main())
"""


async def run_until_killed(url: str, seconds: float) -> dict[str, int]:
    """The last acknowledged seq of each session."""
    server = await asyncio.create_subprocess_exec(
        sys.executable, "-c", SERVER, url, stdout=asyncio.subprocess.PIPE
    )
    assert server.stdout is not None
    assert await server.stdout.readline() == b"open 0\n"
    await asyncio.sleep(seconds)
    server.kill()
    lines = (await server.stdout.read()).decode().splitlines(keepends=True)
    await server.wait()
    return {name: int(seq) for name, seq in (line.split() for line in lines if line[-1] == "\n")}


async def test_kill_loses_nothing_acknowledged(database_url: str) -> None:
    chance = random.Random(5)
    acknowledged: dict[str, int] = {}
    for _ in range(5):
        acknowledged |= await run_until_killed(database_url, chance.uniform(0.05, 0.3))
    store = Store(database_url)
    await store.open()
    assert acknowledged
    for name, seq in acknowledged.items():
        stored = await store.load("o", name)
        assert stored is not None
        assert stored.head.seq >= seq
        assert stored.head.seq % 2 == 1
        assert [event_seq for event_seq, _ in stored.events] == list(range(1, stored.head.seq + 1))
        assert stored.events[-1][1] == b"%d" % (stored.head.seq - 1)
    await store.close()


async def test_closing_commits_what_was_submitted(database_url: str) -> None:
    store = Store(database_url)
    await store.open()
    head = await store.create("o", "s", 0.0, b"created")
    assert head is not None
    following = in_line(
        head, *(Append(head.key, seq, (b"event",), 0.0, 0, 0) for seq in range(1, 500))
    )
    appends = [asyncio.create_task(store.append(each)) for each in following]
    await asyncio.sleep(0)
    await store.close()
    assert all(await asyncio.gather(*appends))
    with pytest.raises(Unavailable, match="closed"):
        await store.append(Append(head.key, 500, (b"event",), 0.0, 0, 0))


async def test_closing_twice_or_unopened_is_nothing(database_url: str) -> None:
    store = Store(database_url)
    await store.close()
    store = Store(database_url)
    await store.open()
    await store.close()
    await store.close()


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("sqlite://", "in-memory SQLite.*sqlite:///semvec.db"),
        ("sqlite:///:memory:", "in-memory"),
        ("sqlite:///file:x?mode=memory&uri=true", "in-memory"),
        ("sqlite+aiosqlite://", "in-memory"),
        ("mysql://root@localhost/x", "mysql.*only PostgreSQL and SQLite"),
        ("semvec.db", "not a URL: write sqlite:///"),
        ("postgresql://host:port/x", "DATABASE_URL"),
        (
            "postgresql://u:secret@h/x?connect_timeout=soon",
            "connect_timeout is not a number",
        ),
    ],
)
def test_urls_that_cannot_be(url: str, text: str) -> None:
    with pytest.raises(StoreError, match=text) as raised:
        Store(url)
    assert "secret" not in str(raised.value)
