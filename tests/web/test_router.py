import json
from typing import cast
from urllib.parse import quote

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from yarl import URL

from semvec.licensing.keys import PublicKey
from semvec.licensing.verifier import Verifier
from semvec.service import Service
from semvec.settings import Settings
from semvec.web.app import assemble
from semvec.web.router import PATH_BYTES, PATH_SEGMENTS
from tests.web.conftest import Address, Client, RecordingService, Serve, exchange

MANY_SEGMENTS = "/" + "a/" * PATH_SEGMENTS
TOO_LONG = {
    "segments": MANY_SEGMENTS,
    "slashes": "/" * (PATH_SEGMENTS + 1),
    "bytes": "/v1/session/" + "a" * PATH_BYTES,
    "escapes that are not UTF-8": "/v1/session/" + "%ff%c0" * 9000 + "/health",
    "an entity": "/v1/session/s/entities/" + "a/" * 30_000,
    "a page": "/docs/" + "a/" * 30_000,
    "another form of address": "http://localhost" + MANY_SEGMENTS,
}


@pytest.mark.parametrize("case", TOO_LONG)
@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE", "OPTIONS"])
async def test_a_path_too_long_is_not_looked_for(served: Address, case: str, method: str) -> None:
    asked = f"{method} {TOO_LONG[case]} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
    head, _, body = (await exchange(served, asked.encode())).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 414 ")
    if method != "HEAD":
        answer = json.loads(body)
        assert answer["detail"] == "the path has more than 8192 bytes or 640 segments"
        assert f"X-Request-ID: {answer['request_id']}".encode() in head


async def test_without_a_token_a_path_too_long_is_unauthorized(
    settings: Settings, service: RecordingService, serve: Serve
) -> None:
    closed = settings.model_copy(update={"allow_anonymous": False})
    key = PublicKey(None, Ed25519PrivateKey.generate().public_key())
    verifier = Verifier([key], renewal_url="https://renew.example")
    client = await serve(assemble(closed, cast(Service, service), verifier))
    assert (await client.get(URL(MANY_SEGMENTS, encoded=True))).status == 401


async def test_a_preflight_of_a_path_too_long_is_refused(
    settings: Settings, service: RecordingService, serve: Serve
) -> None:
    shared = settings.model_copy(update={"cors_origins": ["http://page"]})
    client = await serve(assemble(shared, cast(Service, service), None))
    asked = {"Origin": "http://page", "Access-Control-Request-Method": "GET"}
    answer = await client.options(URL(MANY_SEGMENTS, encoded=True), headers=asked)
    assert answer.status == 414


@pytest.mark.parametrize(
    "name", ["k" * 512, "k/" * 255 + "kk", "\N{GRINNING FACE}" * 512, "%" * 512]
)
async def test_the_longest_names_are_found(
    client: Client, service: RecordingService, name: str
) -> None:
    """In the session whose id is the longest."""
    path = f"/v1/session/{'s' * 128}/entities/{quote(name)}"
    assert (await client.delete(URL(path, encoded=True))).status == 200
    assert service.last_call["key"] == name


async def test_the_query_string_is_not_bounded_with_the_path(
    client: Client, service: RecordingService
) -> None:
    asked = {"session_id": "s", "q": "a/" * 2000}
    answer = await client.get("/v1/state/context", params=asked)
    assert answer.status == 200
    assert service.last_call["q"] == asked["q"]
