import base64
import re
import time
from collections.abc import AsyncIterator
from typing import Any, cast

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from yarl import URL

from semvec.licensing.keys import PublicKey
from semvec.licensing.token import TokenClaims, sign
from semvec.licensing.verifier import Verifier
from semvec.service import Service
from semvec.settings import Settings
from semvec.web.app import assemble
from semvec.web.routes.pages import FILES, SERVED
from tests.web.conftest import Client, RecordingService

PAGES = ("/docs", "/redoc")
BROWSED = (*PAGES, "/openapi.json", *(f"/docs/{name}" for name in SERVED))


@pytest.fixture(scope="module")
def key() -> Ed25519PrivateKey:
    return Ed25519PrivateKey.generate()


@pytest.fixture
def token(key: Ed25519PrivateKey) -> str:
    now = int(time.time())
    return sign(TokenClaims(sub="acme", tier="pro", iat=now, exp=now + 600), key)


@pytest.fixture
async def client(key: Ed25519PrivateKey, service: RecordingService) -> AsyncIterator[Client]:
    """Of a server that wants tokens, below a prefix."""
    verifier = Verifier([PublicKey(None, key.public_key())], renewal_url="https://renew.example")
    settings = Settings(memory_bytes=1, rate_limit=False)
    outer = web.Application()
    outer.add_subapp("/memory", assemble(settings, cast(Service, service), verifier))
    async with TestClient(TestServer(outer)) as client:
        yield client


def basic(password: str, name: str = "anybody") -> dict[str, Any]:
    sent = base64.b64encode(f"{name}:{password}".encode()).decode()
    return {"headers": {"Authorization": f"Basic {sent}"}}


@pytest.mark.parametrize("path", BROWSED)
async def test_a_browser_is_asked_for_the_token_as_a_password(
    client: Client, path: str, token: str
) -> None:
    answer = await client.get(f"/memory{path}")
    assert answer.status == 401
    asked = [challenge.split()[0] for challenge in answer.headers.getall("WWW-Authenticate")]
    assert asked == ["Bearer", "Basic"]
    for good in (basic(token), basic(f" {token} ", ""), {"headers": {"X-API-Key": token}}):
        assert (await client.get(f"/memory{path}", **good)).status == 200
    for bad in (basic(f"{token}x"), basic(""), basic("", token)):
        assert (await client.get(f"/memory{path}", **bad)).status == 401


@pytest.mark.parametrize("sent", ["Basic", "Basic !", "Basic /w==", "Basic YQ=="])
async def test_malformed_credentials_are_refused(client: Client, sent: str) -> None:
    assert (await client.get("/memory/docs", headers={"Authorization": sent})).status == 401


@pytest.mark.parametrize("path", ["/v1/session/", "/v1/absent", "/docs/a/b"])
async def test_a_password_opens_nothing_but_the_pages(
    client: Client, path: str, token: str
) -> None:
    answer = await client.get(f"/memory{path}", **basic(token))
    assert answer.status == 401
    assert [*answer.headers.getall("WWW-Authenticate")] == ['Bearer realm="semvec"']


@pytest.mark.parametrize("path", PAGES)
async def test_a_page_is_made_of_files_of_the_package_alone(
    client: Client, path: str, token: str
) -> None:
    for form in (f"/memory{path}", f"/memory{path}/"):
        answer = await client.get(form, **basic(token))
        assert answer.content_type == "text/html"
        used = re.findall(r'(?:src|href)="([^"]+)"', await answer.text())
        files = [one for one in used if one != "data:,"]
        assert len(files) >= 2
        for file in files:
            # Relative: whatever prefix a proxy puts before the page, its files are below it too.
            assert not file.startswith("/")
            part = await client.get(str(URL(form).join(URL(file))), **basic(token))
            assert part.status == 200
            assert part.content_type in ("text/javascript", "text/css")
            assert part.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("path", PAGES)
async def test_a_page_may_run_and_load_nothing_else(client: Client, path: str, token: str) -> None:
    answer = await client.get(f"/memory{path}", **basic(token))
    policy = dict(
        part.strip().split(" ", 1) for part in answer.headers["Content-Security-Policy"].split(";")
    )
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["connect-src"] == "'self'"
    assert policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert "unsafe" not in str(policy)
    assert "://" not in str(policy)


@pytest.mark.parametrize(
    "name", ["absent.js", "..%2Fkeys.py", "%2E%2E%2Fkeys.py", "redoc.LICENSE.txt"]
)
async def test_no_other_file_is_served(client: Client, name: str, token: str) -> None:
    assert (await client.get(f"/memory/docs/{name}", **basic(token))).status == 404


async def test_a_file_that_did_not_change_is_not_sent_again(client: Client, token: str) -> None:
    path, asked = "/memory/docs/swagger-ui.css", basic(token)
    first = await client.get(path, **asked)
    asked["headers"]["If-None-Match"] = first.headers["ETag"]
    assert (await client.get(path, **asked)).status == 304


def test_every_foreign_file_comes_with_its_licence() -> None:
    ours = {"docs.js", "redoc.js"}
    licences = " ".join(path.name for path in FILES.glob("*.LICENSE.txt"))
    for name in {*SERVED} - ours:
        assert name.partition(".")[0] in licences


async def test_the_document_names_a_server_relative_to_itself(client: Client, token: str) -> None:
    for path in ("/memory/openapi.json", "/memory/openapi.json/"):
        document = await (await client.get(path, **basic(token))).json()
        (server,) = document["servers"]
        assert URL(path).join(URL(server["url"])) == URL("/memory/")
