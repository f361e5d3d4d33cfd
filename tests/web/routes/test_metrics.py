from typing import cast

import pytest
from aiohttp import encode_basic_auth, web
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from prometheus_client.openmetrics import parser as openmetrics
from prometheus_client.parser import text_string_to_metric_families as families

from semvec.licensing.keys import PublicKey
from semvec.licensing.verifier import Verifier
from semvec.rate import Rate
from semvec.service import Service
from semvec.settings import Settings
from semvec.web.app import assemble
from tests.web.conftest import Client, RecordingService, Serve

USER, PASSWORD = "prometheus", "pässword: yes"
OPERATOR = encode_basic_auth(USER, PASSWORD, "utf-8")


def login(authorization: str | None) -> dict[str, str]:
    return {} if authorization is None else {"Authorization": authorization}


@pytest.fixture
def settings() -> Settings:
    return Settings(rate_limit=False, metrics_user=USER, metrics_password=PASSWORD)


@pytest.fixture
def app(settings: Settings, service: RecordingService) -> web.Application:
    """Where nobody but the operator is known."""
    verifier = Verifier(
        [PublicKey(None, Ed25519PrivateKey.generate().public_key())],
        renewal_url="https://a.example",
    )
    return assemble(settings, cast(Service, service), verifier)


async def test_the_operator_sees_the_metrics(client: Client) -> None:
    await client.get("/v1/health")
    answer = await client.get("/metrics", headers=login(OPERATOR))
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert answer.headers["Cache-Control"] == "no-store"
    shown = {family.name: family for family in families(await answer.text())}
    [health] = [
        sample
        for sample in shown["semvec_requests"].samples
        if sample.labels["endpoint"] == "/v1/health"
    ]
    assert health.labels == {"method": "GET", "endpoint": "/v1/health", "status": "200"}
    assert health.value == 1
    assert shown["semvec_requests_in_progress"].samples[0].value == 1


async def test_formats_are_as_asked_for(client: Client) -> None:
    asks = {"Accept": "application/openmetrics-text;version=1.0.0", "Accept-Encoding": "gzip"}
    answer = await client.get("/metrics/", headers=asks | login(OPERATOR))
    assert answer.headers["Content-Type"].startswith("application/openmetrics-text; version=1.0.0")
    assert answer.headers["Content-Encoding"] == "gzip"
    assert "Accept-Encoding" in answer.headers["Vary"]
    assert [*openmetrics.text_string_to_metric_families(await answer.text())]


@pytest.mark.parametrize(
    "sent",
    [
        [],
        [encode_basic_auth("prometheus", "wrong", "utf-8")],
        [encode_basic_auth("prometheus", "", "utf-8")],
        [encode_basic_auth("", "pässword: yes", "utf-8")],
        [OPERATOR + "="],
        ["Basic"],
        ["Basic \u00ff\u00fe"],
        ["Basic gICA"],
        ["Bearer " + OPERATOR.partition(" ")[2]],
        [OPERATOR, OPERATOR],
        ["Basic " + "A" * 4000],
    ],
)
async def test_nobody_else_does(client: Client, sent: list[str]) -> None:
    headers = [("Authorization", value) for value in sent]
    answer = await client.get("/metrics", headers=headers)
    assert answer.status == 401
    assert answer.headers["WWW-Authenticate"].startswith('Basic realm="semvec operator"')
    assert (await answer.json())["detail"] == "/metrics wants the operator's name and password"


@pytest.mark.parametrize("missing", ["metrics_user", "metrics_password"])
async def test_without_a_name_and_a_password_there_are_none(
    settings: Settings, service: RecordingService, serve: Serve, missing: str
) -> None:
    halved = settings.model_copy(update={missing: None, "allow_anonymous": True})
    client = await serve(assemble(halved, cast(Service, service), None))
    for auth in (None, OPERATOR, encode_basic_auth("None", "None")):
        answer = await client.get("/metrics", headers=login(auth))
        assert answer.status == 503
        assert "METRICS_PASSWORD" in (await answer.json())["detail"]


async def test_the_operator_is_nobody_elsewhere(client: Client) -> None:
    for path in ("/v1/session/", "/v1/metrics/s", "/v1/state/metrics?session_id=s"):
        for auth in (None, OPERATOR):
            assert (await client.get(path, headers=login(auth))).status == 401


async def test_guesses_are_limited_and_then_not_even_looked_at(
    settings: Settings, service: RecordingService, serve: Serve
) -> None:
    limited = settings.model_copy(update={"rate_limit": True, "limit_preauth": Rate(0.001, 3)})
    limited = limited.model_copy(update={"allow_anonymous": True})
    client = await serve(assemble(limited, cast(Service, service), None))
    wrong = encode_basic_auth(USER, "guess")
    assert [(await client.get("/metrics", headers=login(wrong))).status for _ in range(4)] == [
        401
    ] * 3 + [429]
    assert (await client.get("/metrics", headers=login(OPERATOR))).status == 429


async def test_scrapes_count_for_their_address(
    settings: Settings, service: RecordingService, serve: Serve
) -> None:
    limited = settings.model_copy(
        update={"rate_limit": True, "limit_ip": Rate(0.001, 2), "allow_anonymous": True}
    )
    client = await serve(assemble(limited, cast(Service, service), None))
    answers = [await client.get("/metrics", headers=login(OPERATOR)) for _ in range(3)]
    assert [answer.status for answer in answers] == [200, 200, 429]
    assert answers[0].headers["X-RateLimit-Remaining"] == "1"
