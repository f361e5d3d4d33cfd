"""Databases that earlier releases wrote open, replay to the same bits, verify and go on."""

import asyncio
import gzip
import json
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

from tests.servers import Server, serving

HERE = Path(__file__).parent
RELEASES = sorted(path.name.removesuffix(".json.gz") for path in HERE.glob("*.json.gz"))
DIMENSION = 8


@pytest.fixture(params=RELEASES)
def release(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=["sqlite", "postgresql"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def exports(release: str, kind: str) -> dict[str, Any]:
    """What the release itself exported, by session."""
    by_kind = json.loads(gzip.decompress((HERE / f"{release}.json.gz").read_bytes()))
    exported: dict[str, Any] = by_kind[kind]
    return exported


@pytest.fixture
def restored(release: str, kind: str, request: pytest.FixtureRequest) -> str:
    """The URL of a database that an earlier release wrote."""
    content = gzip.decompress((HERE / f"{release}.{kind}.gz").read_bytes())
    url: str = request.getfixturevalue("sqlite_url" if kind == "sqlite" else "postgres_url")
    if kind == "sqlite":
        Path(url.removeprefix("sqlite:///")).write_bytes(content)
    else:
        psql = ["psql", "--quiet", "--set", "ON_ERROR_STOP=1", url]
        subprocess.run(psql, input=content, stdout=subprocess.DEVNULL, check=True)
    return url


@pytest.fixture
async def server(restored: str, tmp_path: Path) -> AsyncIterator[Server]:
    """This release's server on it."""
    async with serving(restored, tmp_path, SEMVEC_EMBEDDER="local") as server:
        yield server


async def _export(server: Server, session: str) -> Any:
    def read() -> Any:
        with urlopen(f"{server.url}/v1/session/{session}/export") as answer:
            return json.loads(answer.read())

    return await asyncio.to_thread(read)


def test_there_is_a_release_to_open() -> None:
    assert RELEASES


async def test_every_session_exports_what_it_exported_then(
    server: Server, exports: dict[str, Any]
) -> None:
    for session, exported in exports.items():
        assert await _export(server, session) == exported, session


async def test_every_session_verifies_and_learns(server: Server, exports: dict[str, Any]) -> None:
    async with server.client() as client:
        for session in exports:
            dimension = 384 if session == "talk" else DIMENSION
            probe = [1.0] + [0.0] * (dimension - 1)
            path = f"/v1/session/{session}/verify"
            verified = await client.post(path, test_embeddings=[probe])
            assert verified.json()["consistent"] is True, verified.body
            turn = {"message": "The gate is open again.", "message_embedding": probe}
            assert (await client.post("/v1/run", session_id=session, **turn)).status == 200
            again = (await client.post("/v1/run", session_id=session, **turn)).json()
            assert again["learned"] is True, again


async def test_what_it_holds_is_found(server: Server) -> None:
    async with server.client() as client:
        asked = {"session_id": "talk", "q": "Where does Lotte live now?", "top_k": 3}
        found = (await client.post("/v1/state/context", **asked)).json()
        assert any("Faro" in item["text"] for item in found["context"]), found
        cluster = (await client.get("/v1/cluster/team")).json()
        assert cluster["member_count"] == 2, cluster
        region = (await client.get("/v1/region/north")).json()
        assert region["cluster_count"] == 1, region
        entities = (await client.get("/v1/session/talk/entities?q=retries")).json()
        assert entities["total"] == 1, entities
