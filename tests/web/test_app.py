from pathlib import Path
from typing import cast

import pytest
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from yarl import URL

from semvec.licensing.keys import PublicKey
from semvec.licensing.verifier import Verifier
from semvec.service import Service
from semvec.settings import Settings, SettingsError
from semvec.web import create_app, from_argv
from semvec.web.app import assemble
from semvec.web.middleware.route_info import PUBLIC
from semvec.web.routes import ENDPOINTS
from tests.web.conftest import Client, RecordingService, Serve

PARTS = {
    "session_id": "s",
    "memory_hash": "ab",
    "key": "k",
    "cluster_id": "c",
    "region_id": "r",
    "user_id": "u",
}
PATHS = [(each.method, each.path.format(**PARTS)) for each in ENDPOINTS]
KEYED = ("DELETE", "/v1/session/s/entities/k")
"""With a slash at its end it would name another key, so that one is refused."""


async def test_the_service_lives_as_long_as_the_application(
    app: web.Application, service: RecordingService, serve: Serve
) -> None:
    client = await serve(app)
    assert service.running
    await client.close()
    assert not service.running


@pytest.mark.parametrize(("method", "path"), [each for each in PATHS if each != KEYED])
async def test_every_path_answers_with_and_without_a_trailing_slash(
    client: Client, method: str, path: str
) -> None:
    bare = path.rstrip("/")
    answers = [await client.request(method, form) for form in (bare, f"{bare}/")]
    assert {answer.status for answer in answers} <= {200, 201, 400, 409, 422, 503}
    assert answers[0].status == answers[1].status


async def test_a_key_in_a_path_never_loses_the_slash_at_its_end(
    client: Client, service: RecordingService
) -> None:
    method, path = KEYED
    assert (await client.request(method, path)).status == 200
    calls = len(service.calls)
    answer = await client.request(method, f"{path}/")
    assert answer.status == 422
    assert "?key=" in (await answer.json())["detail"][0]["msg"]
    assert len(service.calls) == calls


async def test_get_answers_to_head(client: Client) -> None:
    answer = await client.head("/v1/health")
    assert answer.status == 200
    assert await answer.read() == b""


async def test_it_works_below_a_prefix(app: web.Application, serve: Serve) -> None:
    outer = web.Application()
    outer.add_subapp("/memory", app)
    client = await serve(outer)
    made = await client.post("/memory/v1/run", json={"message": "Hello", "session_id": "s"})
    assert (await made.json())["session_id"] == "s"
    pages = await client.get("/memory/v1/session", params={"limit": 2})
    following = pages.links["next"]["url"]
    assert str(URL(following).relative()) == "/memory/v1/session?limit=2&cursor=2"
    for path in ("/memory/openapi.json", "/memory/openapi.json/"):
        answer = await client.get(path)
        (server,) = (await answer.json())["servers"]
        assert answer.url.join(URL(server["url"])).path == "/memory/"
    lost = await client.get("/memory/nowhere")
    assert lost.status == 404
    assert (await lost.json())["request_id"] == lost.headers["X-Request-ID"]


async def test_bodies_are_limited_by_its_own_settings_below_a_prefix(
    app: web.Application, settings: Settings, serve: Serve
) -> None:
    outer = web.Application(client_max_size=100)
    outer.add_subapp("/memory", app)
    client = await serve(outer)
    allowed = {"message": "a" * (settings.max_body_bytes - 100)}
    assert (await client.post("/memory/v1/run", json=allowed)).status == 200


@pytest.mark.parametrize(
    ("method", "path"), [*PATHS, ("GET", "/v1/nowhere"), ("PATCH", "/v1/run"), ("OPTIONS", "/")]
)
async def test_nothing_but_the_public_set_answers_without_a_token(
    settings: Settings, service: RecordingService, serve: Serve, method: str, path: str
) -> None:
    key = PublicKey(None, Ed25519PrivateKey.generate().public_key())
    verifier = Verifier([key], renewal_url="https://example.com")
    closed = settings.model_copy(update={"allow_anonymous": False})
    client = await serve(assemble(closed, cast(Service, service), verifier))
    for form in (path.rstrip("/"), f"{path.rstrip('/')}/"):
        answer = await client.request(method, form)
        public = 503 if path == "/metrics" else 200
        assert answer.status == (public if path in PUBLIC else 401)
    assert {name for name, _ in service.calls} <= {"refused"}


def test_it_says_what_to_set_when_nobody_could_use_it() -> None:
    with pytest.raises(SettingsError, match="SEMVEC_LICENSE_PUBLIC_KEY"):
        create_app(Settings())


@pytest.fixture
def app_of_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> web.Application:
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{tmp_path / 'semvec.db'}")
    monkeypatch.setenv("SEMVEC_EMBEDDER", "none")
    monkeypatch.setenv("SEMVEC_ALLOW_ANONYMOUS", "1")
    return from_argv([])


async def test_from_argv_takes_the_environment(
    app_of_the_environment: web.Application, serve: Serve
) -> None:
    client = await serve(app_of_the_environment)
    answer = await client.post("/v1/session/create", json={"session_id": "s", "dimension": 3})
    assert await answer.json() == {"session_id": "s", "created": True}


def test_from_argv_refuses_arguments() -> None:
    with pytest.raises(SettingsError, match="--port"):
        from_argv(["--port", "1"])
