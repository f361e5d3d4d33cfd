"""A database behind a real PgBouncer in transaction mode, and what commits wait for."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from pathlib import Path

import asyncpg
import pytest
from sqlalchemy.engine import make_url

from semvec.store import Append, Store, StoreError
from tests.pgbouncer import IGNORED, pooled
from tests.web.test_tls import Files


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Store]:
    store = Store(url)
    await store.open()
    try:
        yield store
    finally:
        await store.close()


async def add(store: Store, name: str, events: int) -> None:
    """Events one after the other, with reads between them."""
    head = await store.create("o", name, 0.0, b"created")
    assert head is not None
    line = head.line
    for seq in range(1, events + 1):
        append = Append(head.key, seq, (b"event",), 0.0, seq, 0, line=line)
        assert await store.append(append)
        line = append.next_line
        assert len((await store.tail(head.key, 0)).events) == seq + 1
        assert await store.load("o", name) is not None


async def setting(store: Store, name: str, *, write: bool = False) -> str:
    """A parameter as it is for the store's own transactions."""
    engine = store._database.writes if write else store._database.reads
    async with engine.connect() as connection:
        return str((await connection.exec_driver_sql(f"SHOW {name}")).scalar_one())


@pytest.mark.parametrize(("ignore", "option"), [("", None), (IGNORED, None), ("", "true")])
async def test_sessions_are_kept_through_a_pooler(
    postgres_url: str, ignore: str, option: str | None
) -> None:
    """Whether it refuses the parameters of a session or loses them, and whether it is told of."""
    with pooled(postgres_url, ignore=ignore) as url:
        url = f"{url}?pgbouncer={option}" if option else url
        async with opened(url) as store, opened(url) as other:
            names = [f"s{number}" for number in range(8)]
            await asyncio.gather(
                *(add((store, other)[at % 2], name, 5) for at, name in enumerate(names))
            )
            assert {head.session_id for head in await other.heads("o", limit=99, before=None)} == {
                *names
            }
            for write in (False, True):
                assert await setting(store, "lock_timeout", write=write) == "5s"
                assert await setting(store, "jit", write=write) == "off"
            assert await setting(store, "synchronous_commit", write=True) == "on"


async def test_a_server_without_a_pooler_between_keeps_its_prepared_statements(
    postgres_url: str,
) -> None:
    async with opened(postgres_url) as store:
        await store.ping()
        async with store._database.reads.connect() as connection:
            named = await connection.exec_driver_sql("SELECT count(*) FROM pg_prepared_statements")
            assert named.scalar_one() > 0
        assert await setting(store, "lock_timeout") == "5s"


async def test_a_pooler_of_sessions_is_found_out_too(
    postgres_url: str,
) -> None:
    with pooled(postgres_url, mode="session", ignore=IGNORED, size=9) as url:
        async with opened(url) as store:
            await add(store, "s", 5)
            assert await setting(store, "statement_timeout", write=True) == "7s"


async def test_a_pooler_of_statements_is_refused_by_its_name(postgres_url: str) -> None:
    with (
        pooled(postgres_url, mode="statement") as url,
        pytest.raises(StoreError, match="statement pooling mode"),
    ):
        await Store(url).open()


async def test_the_schema_that_a_url_names_is_used_through_a_pooler(postgres_url: str) -> None:
    admin = await asyncpg.connect(postgres_url)
    await admin.execute("""CREATE SCHEMA "it's other" """)
    await admin.close()
    path = "%22it's%20other%22"
    with pooled(postgres_url) as url:
        async with opened(f"{url}?schema={path}") as store:
            await add(store, "s", 1)
        async with opened(f"{postgres_url}?search_path={path}") as store:
            assert await store.head("o", "s") is not None
        async with opened(postgres_url) as store:
            assert await store.head("o", "s") is None


@pytest.mark.parametrize("through", ["nothing", "a pooler"])
async def test_commits_wait_until_they_are_flushed_on_every_synchronous_node(
    postgres_url: str, through: str
) -> None:
    assert await effective("off", postgres_url, through) == "on"
    assert await effective("local", postgres_url, through) == "on"
    assert await effective("remote_write", postgres_url, through) == "on"
    assert await effective("remote_apply", postgres_url, through) == "remote_apply"


async def effective(default: str, url: str, through: str) -> str:
    """What commits of a store wait for where the database has this default."""
    admin = await asyncpg.connect(url)
    name = make_url(url).database
    await admin.execute(f"ALTER DATABASE {name} SET synchronous_commit TO {default}")
    await admin.close()
    between = nullcontext(url) if through == "nothing" else pooled(url)
    with between as reached:
        async with opened(reached) as store:
            return await setting(store, "synchronous_commit", write=True)


async def test_what_a_session_is_set_to_later_does_not_weaken_a_commit(postgres_url: str) -> None:
    async with opened(postgres_url) as store, store._database.writes.connect() as connection:
        await connection.exec_driver_sql("SET SESSION synchronous_commit TO off")
        await connection.commit()
        shown = await connection.exec_driver_sql("SHOW synchronous_commit")
        assert shown.scalar_one() == "on"


async def test_tls_is_as_strict_as_the_url_says(postgres_url: str, tmp_path: Path) -> None:
    """The pooler speaks TLS alone, with a certificate that signs itself."""
    files, other = Files(tmp_path), Files(tmp_path / "other")
    files.write("pooler")
    (tmp_path / "other").mkdir()
    other.write("other")
    with pooled(postgres_url, tls=(files.cert, files.key)) as url:
        async with opened(f"{url}?sslmode=verify-full&sslrootcert={files.cert}") as store:
            await store.ping()
        for accepted in ("sslmode=require", "ssl=true", "sslmode=prefer", ""):
            async with opened(f"{url}?{accepted}") as store:
                await store.ping()
        for refused in (
            f"sslmode=verify-full&sslrootcert={other.cert}",
            f"sslmode=verify-ca&sslrootcert={other.cert}",
            "sslrootcert=system",
            "sslmode=disable",
            "ssl=false",
        ):
            with pytest.raises(StoreError, match=r"CERTIFICATE_VERIFY_FAILED|SSL required"):
                await Store(f"{url}?{refused}").open()


async def test_the_first_host_that_answers_is_used_under_the_name_of_the_url(
    postgres_url: str,
) -> None:
    there = make_url(postgres_url)
    hosts = f"127.0.0.1:1,{there.host}:{there.port or 5432}"
    login = f"{there.username}:{there.password}@" if there.password else f"{there.username}@"
    query = "target_session_attrs=read-write&application_name=the+url's"
    async with opened(f"postgres://{login}{hosts}/{there.database}?{query}") as store:
        assert await setting(store, "application_name") == "the url's"
