import hashlib
import hmac
import json
import logging
import time
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from semvec.licensing.keys import PublicKey
from semvec.licensing.verifier import Verifier
from semvec.web.keys import CONTEXT
from tests.web.edged import edged

Client = TestClient[web.Request, web.Application]
Sign = Callable[[bytes], bytes]
Headers = dict[str, str] | list[tuple[str, str]]

HOUR_S = 3600


def b64(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


@dataclass
class Forge:
    """Writes tokens as an attacker would; `key` is the one the server trusts, by the name k1."""

    key: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)
    other: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)

    def claims(self, **changes: object) -> dict[str, object]:
        now = int(time.time())
        fields = {"sub": "acme", "tier": "pro", "iat": now, "exp": now + HOUR_S, **changes}
        return {name: value for name, value in fields.items() if value is not ...}

    def raw(self, payload: str, sign: Sign | None = None, **header: object) -> str:
        head = json.dumps({"alg": "EdDSA", "typ": "JWT", "kid": "k1", **header})
        signing_input = f"{b64(head.encode())}.{b64(payload.encode())}"
        return f"{signing_input}.{b64((sign or self.key.sign)(signing_input.encode()))}"

    def token(self, **changes: object) -> str:
        return self.raw(json.dumps(self.claims(**changes)))

    def headed(self, sign: Sign | None = None, **header: object) -> str:
        return self.raw(json.dumps(self.claims()), sign, **header)

    def hmac(self, secret: bytes) -> str:
        return self.headed(lambda text: hmac.digest(secret, text, hashlib.sha256), alg="HS256")

    def jwk(self) -> dict[str, str]:
        x = b64(self.other.public_key().public_bytes_raw())
        return {"kty": "OKP", "crv": "Ed25519", "x": x}

    def tampered(self) -> str:
        head, _, signature = self.token().split(".")
        return f"{head}.{b64(json.dumps(self.claims(sub='other')).encode())}.{signature}"

    def duplicated(self, name: str, value: object) -> str:
        return self.raw(json.dumps(self.claims())[:-1] + f', "{name}": {json.dumps(value)}}}')


def bearer(token: str) -> Headers:
    return {"Authorization": f"Bearer {token}"}


def pem(key: Ed25519PrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


NOW = int(time.time())
HOSTILE: dict[str, Callable[[Forge], Headers]] = {
    "no token": lambda forge: {},
    "empty bearer": lambda forge: {"Authorization": "Bearer "},
    "empty key": lambda forge: {"X-API-Key": ""},
    "other scheme": lambda forge: {"Authorization": f"Basic {forge.token()}"},
    "no scheme": lambda forge: {"Authorization": forge.token()},
    "garbage": lambda forge: bearer("\u00e9garbage"),
    "two segments": lambda forge: bearer(forge.token().rpartition(".")[0]),
    "four segments": lambda forge: bearer(forge.token() + ".e30"),
    "padded": lambda forge: bearer(forge.token() + "="),
    "HS256 under the public PEM": lambda forge: bearer(forge.hmac(pem(forge.key))),
    "HS256 under the public bytes": lambda forge: bearer(
        forge.hmac(forge.key.public_key().public_bytes_raw())
    ),
    "alg none, no signature": lambda forge: bearer(forge.headed(lambda _: b"", alg="none")),
    "alg none, signed": lambda forge: bearer(forge.headed(alg="none")),
    "alg RS256": lambda forge: bearer(forge.headed(alg="RS256")),
    "alg in lower case": lambda forge: bearer(forge.headed(alg="eddsa")),
    "another key": lambda forge: bearer(forge.headed(forge.other.sign)),
    "unknown kid": lambda forge: bearer(forge.headed(kid="k2")),
    "kid of a path": lambda forge: bearer(forge.headed(forge.other.sign, kid="../../dev/null")),
    "kid of a number": lambda forge: bearer(forge.headed(kid=1)),
    "jku": lambda forge: bearer(forge.headed(forge.other.sign, jku="http://127.0.0.1:1/jwks")),
    "jku on a good token": lambda forge: bearer(forge.headed(jku="http://127.0.0.1:1/jwks")),
    "jwk": lambda forge: bearer(forge.headed(forge.other.sign, jwk=forge.jwk())),
    "x5u": lambda forge: bearer(forge.headed(x5u="http://127.0.0.1:1/chain")),
    "crit": lambda forge: bearer(forge.headed(crit=["exp"])),
    "unencoded payload": lambda forge: bearer(forge.headed(b64=False, crit=["b64"])),
    "issued in the future": lambda forge: bearer(forge.token(iat=NOW + 2 * HOUR_S)),
    "not valid yet": lambda forge: bearer(forge.token(nbf=NOW + HOUR_S)),
    "expired": lambda forge: bearer(forge.token(exp=NOW - 1)),
    "never expiring": lambda forge: bearer(forge.raw(json.dumps(forge.claims(exp=float("inf"))))),
    "expiring after the year 9999": lambda forge: bearer(forge.token(exp=10**400)),
    "oversized": lambda forge: bearer(forge.token(note="x" * 4000)),
    "sub twice": lambda forge: bearer(forge.duplicated("sub", "other")),
    "exp twice": lambda forge: bearer(forge.duplicated("exp", NOW + 2 * HOUR_S)),
    "no sub": lambda forge: bearer(forge.token(sub=...)),
    "no exp": lambda forge: bearer(forge.token(exp=...)),
    "no iat": lambda forge: bearer(forge.token(iat=...)),
    "no tier": lambda forge: bearer(forge.token(tier=...)),
    "empty sub": lambda forge: bearer(forge.token(sub="")),
    "sub of a number": lambda forge: bearer(forge.token(sub=1)),
    "sub with NUL": lambda forge: bearer(forge.token(sub="a\0b")),
    "sub of a lone surrogate": lambda forge: bearer(forge.token(sub="\ud800")),
    "endless sub": lambda forge: bearer(forge.token(sub="a" * 256)),
    "sub of the anonymous tenant": lambda forge: bearer(forge.token(sub="anonymous")),
    "unknown tier": lambda forge: bearer(forge.token(tier="root")),
    "exp as text": lambda forge: bearer(forge.token(exp=str(NOW + HOUR_S))),
    "iat as truth": lambda forge: bearer(forge.token(iat=True)),
    "another audience": lambda forge: bearer(forge.token(aud="elsewhere")),
    "claims of a list": lambda forge: bearer(forge.raw("[]")),
    "claims without end": lambda forge: bearer(forge.raw("[" * 2900)),
    "tampered claims": lambda forge: bearer(forge.tampered()),
    "header of a lone surrogate": lambda forge: bearer(forge.headed(None, **{"\ud800": 1})),
    "two tokens in two headers": lambda forge: {
        "Authorization": f"Bearer {forge.token()}",
        "X-API-Key": forge.token(sub="other"),
    },
    "two tokens in one header": lambda forge: [
        ("X-API-Key", forge.token()),
        ("X-API-Key", forge.token(sub="other")),
    ],
}


async def who(request: web.Request) -> web.Response:
    caller = request[CONTEXT].caller
    assert caller is not None
    return web.json_response({"subject": caller.subject, "tier": caller.tier})


async def health(request: web.Request) -> web.Response:
    return web.json_response({"status": "ok"})


def application(verifier: Verifier | None, *, allow_anonymous: bool = False) -> web.Application:
    return edged(
        ("GET", "/who", who),
        ("GET", "/v1/health", health),
        ("GET", "/v1/health/", health),
        ("GET", "/v1/named/{name}", who),
        verifier=verifier,
        allow_anonymous=allow_anonymous,
    )


@pytest.fixture(scope="module")
def forge() -> Forge:
    return Forge()


@pytest.fixture
def verifier(forge: Forge) -> Verifier:
    return Verifier([PublicKey("k1", forge.key.public_key())], renewal_url="https://renew.example")


@pytest.fixture
async def client(verifier: Verifier) -> AsyncIterator[Client]:
    async with TestClient(TestServer(application(verifier))) as client:
        yield client


@pytest.mark.parametrize("name", HOSTILE)
async def test_promise_17_hostile_tokens_are_refused(
    client: Client, forge: Forge, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    headers = HOSTILE[name](forge)
    with caplog.at_level(logging.DEBUG):
        response = await client.get("/who", headers=headers)
    body = await response.json()
    if name == "expired":
        assert response.status == 402
        assert "https://renew.example" in body["detail"]
    else:
        assert response.status == 401
        assert response.headers["WWW-Authenticate"].startswith("Bearer")
        assert body["detail"].startswith(("Missing license token", "Invalid license: "))
        assert len(body["detail"]) < 120
    sent = headers.values() if isinstance(headers, dict) else [value for _, value in headers]
    assert not any(len(value) > 9 and value in caplog.text for value in sent)


async def test_a_good_token_is_taken_from_either_header(client: Client, forge: Forge) -> None:
    token = forge.token(iss="issuer", jti="1", nbf=NOW, note="ignored")
    for headers in (
        {"Authorization": f"Bearer {token}"},
        {"authorization": f"bEARER   {token}"},
        {"X-API-Key": token},
        {"Authorization": f"Bearer {token}", "X-API-Key": token},
    ):
        response = await client.get("/who", headers=headers)
        assert await response.json() == {"subject": "acme", "tier": "pro"}


async def test_authentication_comes_before_routing(client: Client, forge: Forge) -> None:
    good = bearer(forge.token())
    for verb, path, status in (
        ("GET", "/absent", 404),
        ("POST", "/who", 405),
        ("POST", "/v1/health", 405),
        ("GET", "/v1/health/deeper", 404),
        ("GET", "/x/v1/health", 404),
        ("OPTIONS", "/who", 405),
    ):
        assert (await client.request(verb, path)).status == 401
        assert (await client.request(verb, path, headers=good)).status == status


async def test_public_routes_and_preflights_need_no_token(client: Client) -> None:
    for path in ("/v1/health", "/v1/health/", "/v1/health?q=1", "/v1/%68ealth"):
        assert (await client.get(path)).status == 200
    preflight = {"Origin": "https://app.example", "Access-Control-Request-Method": "GET"}
    assert (await client.options("/who", headers=preflight)).status == 405
    assert (await client.get("/who", headers=preflight)).status == 401


async def test_a_name_that_looks_public_is_not(client: Client) -> None:
    for path in ("/v1/named/v1%2Fhealth", "/v1/named/health", "/who?path=/v1/health"):
        assert (await client.get(path)).status == 401


async def test_the_same_holds_below_a_prefix(verifier: Verifier, forge: Forge) -> None:
    outer = web.Application()
    outer.add_subapp("/memory", application(verifier))
    async with TestClient(TestServer(outer)) as client:
        assert (await client.get("/memory/v1/health")).status == 200
        assert (await client.get("/memory/who")).status == 401
        assert (await client.get("/memory/absent")).status == 401
        assert (await client.get("/memory/who", headers=bearer(forge.token()))).status == 200


async def test_anonymous_mode_without_a_key_knows_one_caller() -> None:
    async with TestClient(TestServer(application(None, allow_anonymous=True))) as client:
        for headers in ({}, bearer("anything")):
            response = await client.get("/who", headers=headers)
            assert await response.json() == {"subject": "anonymous", "tier": "community"}


async def test_anonymous_mode_with_a_key_still_checks_what_is_sent(
    verifier: Verifier, forge: Forge
) -> None:
    app = application(verifier, allow_anonymous=True)
    async with TestClient(TestServer(app)) as client:
        assert (await (await client.get("/who")).json())["subject"] == "anonymous"
        response = await client.get("/who", headers=bearer(forge.token()))
        assert (await response.json())["subject"] == "acme"
        for hostile in (forge.headed(forge.other.sign), forge.token(sub="anonymous"), "garbage"):
            assert (await client.get("/who", headers=bearer(hostile))).status == 401
