"""Databases to test on, and a watch over the event loop."""

import asyncio
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg
import blockbuster
import pytest
from sqlalchemy.engine import make_url

from tests.redis_process import RedisProcess, running_redis

LOCAL_SERVERS = tuple(
    f"postgresql://{user}@127.0.0.1:5432/postgres" for user in ("root", "postgres")
)


@pytest.fixture(autouse=True)
def no_blocking_calls(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A blocking call of the package on the event loop fails the test, even where it is caught."""
    calls: list[str] = []

    class BlockingError(blockbuster.BlockingError):
        def __init__(self, function: str) -> None:
            super().__init__(function)
            calls.append(function)

    monkeypatch.setattr("blockbuster.blockbuster.BlockingError", BlockingError)
    with blockbuster.blockbuster_ctx("semvec") as watch:
        for function in watch.functions.values():
            # asyncpg looks for ~/.pgpass as it connects; log records go to a local stream
            function.can_block_in("asyncpg/connect_utils.py", "_parse_connect_arguments")
            function.can_block_in("logging/__init__.py", "emit")
        yield
    assert not calls, f"blocked the event loop: {', '.join(calls)}"


def _execute(url: str, statement: str) -> Any:
    async def execute() -> Any:
        connection = await asyncpg.connect(url, timeout=5)
        try:
            return await connection.execute(statement)
        finally:
            await connection.close()

    return asyncio.run(execute())


@pytest.fixture(scope="session")
def postgres_server() -> str | None:
    """The URL of a PostgreSQL server where databases may be made, or None."""
    named = os.environ.get("SEMVEC_TEST_POSTGRES_URL")
    if named:
        return named
    for url in LOCAL_SERVERS:
        try:
            _execute(url, "SELECT 1")
        except (OSError, asyncpg.PostgresError):
            continue
        return url
    return None


@pytest.fixture
def postgres_url(postgres_server: str | None) -> Iterator[str]:
    """A fresh PostgreSQL database."""
    if postgres_server is None:
        missing = "no PostgreSQL: set SEMVEC_TEST_POSTGRES_URL or start one on 127.0.0.1:5432"
        if os.environ.get("CI") == "true":
            pytest.fail(missing)
        pytest.skip(missing)
    name = f"semvec_test_{secrets.token_hex(6)}"
    _execute(postgres_server, f"CREATE DATABASE {name}")
    yield make_url(postgres_server).set(database=name).render_as_string(hide_password=False)
    _execute(postgres_server, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """A SQLite database that does not exist yet."""
    return f"sqlite:///{tmp_path}/semvec.db"


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """A fresh database of each kind."""
    url: str = request.getfixturevalue(
        "sqlite_url" if request.param == "sqlite" else "postgres_url"
    )
    return url


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisProcess]:
    """A Redis that holds nothing yet."""
    with running_redis(tmp_path) as process:
        yield process
