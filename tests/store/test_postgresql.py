"""URLs as libpq's users write them, and several servers on one database."""

import asyncio
import random

import asyncpg
import pytest
from sqlalchemy.engine import make_url

from semvec.errors import Unavailable
from semvec.store import Append, Store, StoreError, postgresql
from tests.store.lines import append as appended


async def add(store: Store, session_id: str) -> None:
    """Append one event, deciding again whenever another server was first."""
    while True:
        head = await store.head("o", session_id)
        assert head is not None
        count = head.interaction_count + 1
        if await appended(store, Append(head.key, head.seq, (b"event",), 0.0, count, 0)):
            return


async def test_servers_on_the_same_sessions_lose_nothing(postgres_url: str) -> None:
    stores = [Store(postgres_url) for _ in range(3)]
    await asyncio.gather(*(store.open() for store in stores))
    assert all(store.shared for store in stores)
    names = [f"s{n}" for n in range(10)]
    made = await asyncio.gather(
        *(store.create("o", name, 0.0, b"created") for name in names for store in stores)
    )
    assert sum(head is not None for head in made) == len(names)
    adds = [(store, name) for store in stores for name in names for _ in range(10)]
    random.Random(7).shuffle(adds)
    await asyncio.gather(*(add(store, name) for store, name in adds))
    for head in await stores[0].heads("o", limit=99, before=None):
        assert (head.seq, head.interaction_count) == (31, 30)
        assert len((await stores[1].tail(head.key, 0)).events) == 31
    await asyncio.gather(*(store.close() for store in stores))


async def test_a_lock_held_too_long_is_unavailable(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(postgresql.SERVER_SETTINGS, "lock_timeout", "100ms")
    store = Store(postgres_url)
    await store.open()
    head = await store.create("o", "s", 0.0, b"created")
    assert head is not None
    other = await asyncpg.connect(postgres_url)
    async with other.transaction():
        await other.execute("SELECT * FROM sessions FOR UPDATE")
        with pytest.raises(Unavailable, match="lock timeout"):
            await add(store, "s")
    await other.close()
    await add(store, "s")
    await store.close()


async def test_a_server_that_does_not_answer_is_unavailable(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgresql, "COMMAND_S", 0.2)
    store = Store(postgres_url)
    await store.open()
    await store.create("o", "s", 0.0, b"created")
    other = await asyncpg.connect(postgres_url)
    async with other.transaction():
        await other.execute("LOCK TABLE sessions IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(Unavailable, match="storage cannot read"):
            await store.head("o", "s")
        with pytest.raises(Unavailable, match="storage cannot commit"):
            await store.create("o", "other", 0.0, b"created")
    await other.close()
    await add(store, "s")
    await store.close()


async def test_places_where_no_database_is(postgres_url: str) -> None:
    nowhere = make_url(postgres_url).set(database="semvec_nowhere", password="secret")
    with pytest.raises(StoreError, match=r'"semvec_nowhere" does not exist; check') as raised:
        await Store(nowhere.render_as_string(hide_password=False)).open()
    assert "secret" not in str(raised.value)
    unreachable = make_url(postgres_url).set(host="127.0.0.1", port=1)
    with pytest.raises(StoreError, match=r"cannot open.*check DATABASE_URL, and that the server"):
        await Store(unreachable.render_as_string(hide_password=False)).open()


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+asyncpg"])
async def test_a_url_in_full(postgres_url: str, scheme: str) -> None:
    url = make_url(postgres_url).set(
        drivername=scheme,
        password=make_url(postgres_url).password or "p@ss/w:rd?#%",
        query={
            "sslmode": "prefer",
            "channel_binding": "prefer",
            "connect_timeout": "7",
            "application_name": "named",
        },
    )
    store = Store(url.render_as_string(hide_password=False))
    await store.open()
    await store.ping()
    await store.close()
