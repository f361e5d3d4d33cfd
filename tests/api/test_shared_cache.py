"""Promise 28: a shared cache in front of the server keeps nothing of an owner's."""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from aiohttp.test_utils import unused_port

from semvec.licensing.keys import private_key, write_key_pair
from semvec.licensing.token import TokenClaims, sign
from tests.servers import Answer, Client, Refused, serving

VALUE = "only for one tenant"
ENTITIES = "/v1/session/s/entities"


@pytest.fixture
def varnishd() -> str:
    program = shutil.which("varnishd", path="/usr/sbin:/usr/bin:/usr/local/sbin")
    if program is None:
        missing = "no varnishd: apt-get install varnish"
        if os.environ.get("CI") == "true":
            pytest.fail(missing)
        pytest.skip(missing)
    return program


@dataclass(frozen=True, slots=True)
class Tenants:
    """Tokens of two, and the key that checks them."""

    mine: str
    other: str
    public_key: str


@pytest.fixture
def tenants(tmp_path: Path) -> Tenants:
    secret, public = write_key_pair(tmp_path / "keys")
    key = private_key(secret)
    mine, other = (
        sign(TokenClaims(sub=sub, tier="pro", iat=0, exp=4e9), key) for sub in ("a", "b")
    )
    return Tenants(mine, other, str(public))


@asynccontextmanager
async def cached(program: str, folder: Path, upstream: str) -> AsyncIterator[str]:
    """The address of a Varnish with its defaults before a server."""
    port = unused_port()
    process = await asyncio.create_subprocess_exec(
        program,
        *("-F", "-n", str(folder), "-a", f"127.0.0.1:{port}", "-b", upstream),
        *("-s", "default,16M"),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with asyncio.timeout(30):
            while True:
                with suppress(OSError):
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                    writer.close()
                    break
                await asyncio.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        await process.wait()


async def ask(url: str, path: str, **headers: str) -> Answer:
    """One request on a connection of its own; the first ones wait for the cache to be there."""
    async with asyncio.timeout(20):
        while True:
            with suppress(Refused):
                async with Client(url, **headers) as client:
                    return await client.get(path)
            await asyncio.sleep(0.1)


def private(answer: Answer) -> bool:
    return answer.headers["cache-control"] == "no-store" and {"authorization", "x-api-key"} <= {
        each.strip() for each in answer.headers["vary"].lower().split(",")
    }


async def test_promise_28_a_shared_cache_serves_no_owners_answer_to_another(
    varnishd: str, sqlite_url: str, tmp_path: Path, tenants: Tenants
) -> None:
    mine, other = tenants.mine, tenants.other
    variables = {"SEMVEC_LICENSE_PUBLIC_KEY": tenants.public_key}
    async with (
        serving(sqlite_url, tmp_path, **variables) as server,
        server.client(mine) as owner,
    ):
        await owner.post("/v1/session/create", session_id="s", dimension=2)
        await owner.post(ENTITIES, key="k", kind="constant", value=VALUE)
        upstream = server.url.removeprefix("http://").rstrip("/")
        async with cached(varnishd, tmp_path / "v", upstream) as url:
            for _ in range(2):
                seen = await ask(url, ENTITIES, **{"X-API-Key": mine})
                assert seen.json()["entities"][0]["value"] == VALUE
                assert private(seen)
                # X-Varnish names one transaction where the server was asked, two for a hit.
                assert len(seen.headers["x-varnish"].split()) == 1
            foreign = await ask(url, ENTITIES, **{"X-API-Key": other})
            stranger = await ask(url, ENTITIES)
            absent = await ask(url, "/v1/absent", **{"X-API-Key": mine})
            assert [each.status for each in (foreign, stranger, absent)] == [404, 401, 404]
            assert all(map(private, (foreign, stranger, absent)))
            assert (await owner.delete(f"{ENTITIES}?key=k")).status == 200
            gone = await ask(url, ENTITIES, **{"X-API-Key": mine})
            assert (gone.status, gone.json()["entities"]) == (200, [])


async def test_every_answer_of_an_owners_says_that_no_cache_may_keep_it(
    sqlite_url: str, tmp_path: Path
) -> None:
    async with serving(sqlite_url, tmp_path) as server, server.client() as client:
        for path, status in (
            ("/v1/session/", 200),
            ("/v1/metrics/absent", 404),
            ("/v1/session/?limit=0", 422),
            ("/v1/absent", 404),
            ("/openapi.json", 200),
            ("/v1/observer/anomalies/stream", 404),
        ):
            answer = await client.get(path)
            assert answer.status == status
            assert private(answer), path
