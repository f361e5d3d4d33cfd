"""Tokens revoked on running servers."""

import asyncio
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest

from semvec.cli import main
from semvec.licensing.keys import private_key, write_key_pair
from semvec.licensing.token import TokenClaims, sign
from tests.servers import Server, serving

WITHIN_S = 5

Output = pytest.CaptureFixture[str]


class Issuer:
    def __init__(self, folder: Path) -> None:
        private, self.public = write_key_pair(folder)
        self._key = private_key(private)

    def token(self, jti: str | None) -> str:
        now = int(time.time())
        claims = TokenClaims(sub="acme", tier="enterprise", iat=now, exp=now + 600, jti=jti)
        return sign(claims, self._key)


@pytest.fixture
def issuer(tmp_path: Path) -> Issuer:
    return Issuer(tmp_path / "keys")


async def run(monkeypatch: pytest.MonkeyPatch, url: str, *arguments: str) -> int:
    monkeypatch.setenv("DATABASE_URL", url)
    return await asyncio.to_thread(main, ["license", *arguments])


async def status(server: Server, token: str) -> int:
    async with server.client(token) as client:
        return (await client.get("/v1/session/")).status


async def refused(server: Server, token: str) -> None:
    """Soon."""
    async with asyncio.timeout(WITHIN_S):
        while await status(server, token) == 200:
            pass
    assert await status(server, token) == 401


async def test_a_running_server_refuses_a_revoked_token_within_seconds(
    database_url: str,
    tmp_path: Path,
    issuer: Issuer,
    monkeypatch: pytest.MonkeyPatch,
    capsys: Output,
) -> None:
    """Although it knows the token, and has its database to itself."""
    one, other, nameless = (issuer.token(jti) for jti in ("one", "other", None))
    variables = {"SEMVEC_LICENSE_PUBLIC_KEY": str(issuer.public)}
    async with serving(database_url, tmp_path, **variables) as server:
        assert [await status(server, token) for token in (one, other, nameless)] == [200] * 3
        assert await run(monkeypatch, database_url, "revoke", "one") == 0
        await refused(server, one)
        async with server.client(one) as client:
            answer = await client.get("/v1/session/")
        assert answer.json()["detail"] == "Invalid license: revoked"
        assert [await status(server, token) for token in (other, nameless)] == [200, 200]
        assert await run(monkeypatch, database_url, "revoke", "one") == 0
        assert await run(monkeypatch, database_url, "revoked") == 0
    said = capsys.readouterr().out.splitlines()
    assert said[:2] == ["one is revoked", "one was revoked before"]
    assert [line.split()[1] for line in said[2:]] == ["one"]
    async with serving(database_url, tmp_path, **variables) as server:
        assert [await status(server, token) for token in (one, other)] == [401, 200]


async def test_all_servers_of_one_database_hear_of_it(
    postgres_url: str, tmp_path: Path, issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = issuer.token("one")
    variables = {"SEMVEC_LICENSE_PUBLIC_KEY": str(issuer.public)}
    async with (
        serving(postgres_url, tmp_path, **variables) as first,
        serving(postgres_url, tmp_path, **variables) as second,
    ):
        assert [await status(server, token) for server in (first, second)] == [200, 200]
        assert await run(monkeypatch, postgres_url, "revoke", "one") == 0
        await asyncio.gather(refused(first, token), refused(second, token))


async def test_a_revocation_waits_for_a_server_that_is_writing(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And for hundreds of transactions of a busy one."""
    async with serving(sqlite_url, tmp_path) as server, server.client() as client:
        await client.post("/v1/session/create", session_id="s", dimension=2)
        revoking = asyncio.create_task(run(monkeypatch, sqlite_url, "revoke", "one"))
        stored = 0
        while not revoking.done() or stored < 100:
            answer = await client.post(
                "/v1/store", session_id="s", response=f"r{stored}", response_embedding=[1, stored]
            )
            assert answer.status == 200
            stored += 1
        assert revoking.result() == 0


def test_where_no_server_has_been_nothing_is_made(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    monkeypatch.setenv("DATABASE_URL", sqlite_url)
    assert main(["license", "revoke", "one"]) == 1
    assert "there is no database" in capsys.readouterr().err
    assert not [*tmp_path.iterdir()]
    with closing(sqlite3.connect(tmp_path / "semvec.db")) as foreign:
        foreign.execute("CREATE TABLE other (a)")
    assert main(["license", "revoked"]) == 1
    assert "start one first" in capsys.readouterr().err


@pytest.mark.parametrize("jti", ["", "x" * 256, "a\nb"])
def test_what_no_token_has_for_an_id_is_refused(jti: str, capsys: Output) -> None:
    assert main(["license", "revoke", jti]) == 1
    assert capsys.readouterr().err.startswith("semvec: JTI: ")


def test_a_whole_token_is_not_its_id(issuer: Issuer, capsys: Output) -> None:
    assert main(["license", "revoke", issuer.token("one")]) == 1
    assert "whose id is 'one'" in capsys.readouterr().err
