import re
from typing import Any, cast

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from semvec.licensing.keys import PublicKey
from semvec.licensing.verifier import Verifier
from semvec.service import Service
from semvec.settings import Settings
from semvec.web.app import assemble
from semvec.web.cors import EXPOSED
from semvec.web.routes import ENDPOINTS
from tests.web.conftest import Client, RecordingService, Serve

APP = "https://app.example"
ROUTES = sorted({(each.method, re.sub(r"{\w+}", "a", each.path)) for each in ENDPOINTS})


@pytest.fixture
def origins() -> tuple[str, ...]:
    return (APP, "http://localhost:3000")


@pytest.fixture
async def client(origins: tuple[str, ...], service: RecordingService, serve: Serve) -> Client:
    """Of a server that wants a token from whoever asks."""
    key = PublicKey(None, Ed25519PrivateKey.generate().public_key())
    settings = Settings(cors_origins=origins, memory_bytes=1)
    verifier = Verifier([key], renewal_url="https://renew.example")
    return await serve(assemble(settings, cast(Service, service), verifier))


def preflight(method: str, origin: str = APP, headers: str = "") -> dict[str, Any]:
    sent = {"Origin": origin, "Access-Control-Request-Method": method}
    return {"headers": sent | ({"Access-Control-Request-Headers": headers} if headers else {})}


@pytest.mark.parametrize(("method", "path"), ROUTES)
async def test_a_preflight_needs_no_token(client: Client, method: str, path: str) -> None:
    for form in (path.rstrip("/"), f"{path.rstrip('/')}/"):
        asked = preflight(method, headers="authorization,idempotency-key")
        answer = await client.options(form, **asked)
        assert answer.status == 200
        assert answer.headers["Access-Control-Allow-Origin"] == APP
        assert answer.headers["Access-Control-Allow-Methods"] == method
        allowed = answer.headers["Access-Control-Allow-Headers"].lower().split(",")
        assert {*allowed} == {"authorization", "idempotency-key"}
        assert "Access-Control-Allow-Credentials" not in answer.headers


@pytest.mark.parametrize("origin", ["https://evil.example", f"{APP}.evil.example", "null"])
async def test_an_origin_that_is_not_named_is_refused(client: Client, origin: str) -> None:
    answer = await client.options("/v1/run", **preflight("POST", origin))
    assert answer.status == 403
    assert (await answer.json()).keys() == {"detail", "request_id"}
    answer = await client.get("/v1/health", headers={"Origin": origin})
    assert answer.status == 200
    for refused in (answer, await client.get("/v1/health")):
        assert "Access-Control-Allow-Origin" not in refused.headers
        assert refused.headers["Vary"] == "Origin"


async def test_a_method_that_nothing_has_is_refused(client: Client) -> None:
    assert (await client.options("/v1/run", **preflight("TRACE"))).status == 403


@pytest.mark.parametrize("path", ["/v1/health", "/v1/session/"])
async def test_a_page_reads_the_answer_and_what_is_exposed_of_its_head(
    client: Client, path: str
) -> None:
    answer = await client.get(path, headers={"Origin": APP})
    assert answer.status == (200 if path == "/v1/health" else 401)
    assert answer.headers["Access-Control-Allow-Origin"] == APP
    assert {*answer.headers["Access-Control-Expose-Headers"].split(",")} == {*EXPOSED}


async def test_options_that_is_no_preflight_wants_a_token(client: Client) -> None:
    assert (await client.options("/v1/run")).status == 401


@pytest.mark.parametrize("origins", [("*",)])
async def test_any_origin_is_any_origin_without_credentials(client: Client) -> None:
    asked = preflight("POST", "https://anybody.example")
    for answer in (
        await client.options("/v1/run", **asked),
        await client.get("/v1/health", headers={"Origin": "https://anybody.example"}),
    ):
        assert answer.status == 200
        assert answer.headers["Access-Control-Allow-Origin"] in ("*", "https://anybody.example")
        assert "Access-Control-Allow-Credentials" not in answer.headers


@pytest.mark.parametrize("origins", [()])
async def test_no_origin_is_no_layer(client: Client) -> None:
    assert (await client.options("/v1/run", **preflight("POST"))).status == 405
    answer = await client.get("/v1/health", headers={"Origin": APP})
    assert not {"Vary", "Access-Control-Allow-Origin"} & answer.headers.keys()
