"""Promise 30: a stream ends soon after its token is good no more."""

import asyncio
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from semvec.cli import main
from semvec.licensing.keys import private_key, write_key_pair
from semvec.licensing.token import TokenClaims, sign
from tests.servers import Client, Server, serving

WITHIN_S = 5.0
STREAM = "GET /v1/region/r/events/stream HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {}\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Issuer:
    public: Path
    key: Ed25519PrivateKey

    def token(self, jti: str, exp: int) -> str:
        now = int(time.time())
        return sign(TokenClaims(sub="a", tier="enterprise", iat=now, exp=exp, jti=jti), self.key)


@pytest.fixture
def issuer(tmp_path: Path) -> Issuer:
    private, public = write_key_pair(tmp_path / "keys")
    return Issuer(public, private_key(private))


@dataclass(frozen=True, slots=True)
class Open:
    client: Client
    reader: asyncio.StreamReader


async def opened(server: Server, token: str) -> Open:
    async with server.client(token) as client:
        answer = await client.post("/v1/region/", region_id="r", name="r", dimension=2)
        assert answer.status in (201, 409), answer
    stream = server.client(token)
    reader, writer = await stream.connect()
    writer.write(STREAM.format(token).encode())
    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 ")
    await reader.readuntil(b"retry: 2000\n\n")
    return Open(stream, reader)


async def ended(stream: Open) -> float:
    """When the server ended it."""
    async with asyncio.timeout(2 * WITHIN_S):
        await stream.reader.readuntil(b"\r\n0\r\n\r\n")
    await stream.client.close()
    return time.time()


async def test_promise_30_a_stream_ends_with_its_token(
    sqlite_url: str, tmp_path: Path, issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That was revoked, or has expired; another stream of the same subject goes on."""
    variables = {"SEMVEC_LICENSE_PUBLIC_KEY": str(issuer.public)}
    async with serving(sqlite_url, tmp_path, **variables) as server:
        later = int(time.time()) + 4
        expiring = await opened(server, issuer.token("expiring", later))
        revoked = await opened(server, issuer.token("revoked", later + 600))
        lasting = await opened(server, issuer.token("lasting", later + 600))
        assert 0 <= await ended(expiring) - later < WITHIN_S
        monkeypatch.setenv("DATABASE_URL", sqlite_url)
        await asyncio.to_thread(main, ["license", "revoke", "revoked"])
        began = time.time()
        assert await ended(revoked) - began < WITHIN_S
        await asyncio.sleep(1)
        assert not lasting.reader.at_eof()
        await lasting.client.close()
