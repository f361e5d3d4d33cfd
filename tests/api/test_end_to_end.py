"""The server as its users meet it: over HTTP, with the default encoder, keys and bad input."""

import json
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import numpy as np
import pytest

from tests.servers import Answer, Client, serving

LONG = 1 << 20
DEEP = 100_000
DIMENSION = 384
VECTOR = np.random.default_rng(1).standard_normal(DIMENSION).round(3).tolist()
LOCAL = {"SEMVEC_EMBEDDER": "local"}
VALUES = {
    "session_id": "s",
    "memory_hash": "0" * 32,
    "message": "a message",
    "message_embedding": VECTOR,
    "response": "a response",
    "response_embedding": VECTOR,
    "short_circuit_threshold": 0.5,
    "q": "a question",
    "q_embedding": VECTOR,
    "top_k": 3,
    "full_first": True,
    "max_text_chars": 100,
    "reset_context": False,
    "learn": True,
    "limit": 3,
    "cursor": "AAAAAAAAAAE",
    "keyword": "message",
    "embedding": VECTOR,
    "threshold": 0.5,
    "level": "OPEN",
    "exclusion_embeddings": [VECTOR],
    "allowlist_embeddings": [VECTOR],
    "similarity_threshold": 0.5,
    "text": "a memory",
    "tier": "medium_term",
    "importance": 0.5,
    "access_count": 1,
    "key": "a/key",
    "kind": "path",
    "value": "a value",
    "context": "a context",
    "max_results": 3,
    "test_embeddings": [VECTOR],
    "cluster_id": "c",
    "region_id": "r",
    "name": "a name",
    "aggregation_mode": "attention",
    "coupling_factor": 0.5,
    "consensus_threshold": 0.5,
    "vote_window_seconds": 60.0,
    "user_id": "u",
    "source_session_id": "s",
    "target_session_id": "s",
    "max_weight": 0.5,
    "proposer_session_id": "s",
    "target_embedding": VECTOR,
    "sample_interval_seconds": 86_400.0,
}
"""What fits the fields of all requests about session `s`, cluster `c`, region `r`, user `u`, and of
lists."""
IDS = (
    *("session_id", "cluster_id", "region_id", "user_id"),
    *("source_session_id", "target_session_id", "proposer_session_id"),
)
MAKING = ("/create", "/cluster/", "/region/", "/switch")
CHANGED_BY_REQUESTS = (
    *("sessions", "events", "clusters", "members", "regions", "region_clusters"),
    *("votes", "drift_events", "users", "active_users", "trust"),
    *("observers", "observer_regions", "anomalies"),
)
ENDLESS = "/stream"
NOBODYS = dict.fromkeys(IDS, "nowhere")
CREATE = {
    "session_id": "t",
    "dimension": DIMENSION,
    "template_embedding": VECTOR,
    "long_term_memories": 10,
}


async def test_a_conversation_with_the_default_encoder(sqlite_url: str, tmp_path: Path) -> None:
    turns = [
        ("Who brings the tent for our hike?", "Lotte brings the big green tent for the hike."),
        ("Who carries the food on our hike?", "Bram carries the food and a stove on the hike."),
        ("Where on Texel do we put up the tent?", "On the camp site in the dunes of Texel."),
        ("When does the ferry leave on Friday?", "The ferry to Texel leaves at 16:30 on Friday."),
        ("How long is the hike on Saturday?", "We hike 18 kilometres along the beach of Texel."),
        ("How do I restore a PostgreSQL backup?", "Run pg_restore on the dump of the database."),
        ("Does it keep the database's indexes?", "Indexes are built again by pg_restore."),
    ]
    async with serving(sqlite_url, tmp_path, **LOCAL) as server, server.client() as client:
        ran = [(await client.post("/v1/run", message=turns[0][0])).json()]
        session = {"session_id": ran[0]["session_id"]}
        for (_, response), (message, _) in pairwise(turns):
            fields = session | {"message": message, "response": response}
            ran.append((await client.post("/v1/run", **fields)).json())
        await client.post("/v1/store", response=turns[-1][1], **session)
        assert ran[5]["drift_detected"]
        assert max(ran, key=lambda each: each["drift_score"]) is ran[5]

        (item,) = await recall(
            client, session, q="Under which roof do we sleep, and where?", top_k=1
        )
        assert item["text"] == "\n".join(turns[2])
        (item,) = await recall(client, session, q="boat departure", top_k=1, max_text_chars=10)
        assert (item["text"], item["truncated"]) == ("When does ", True)
        path = f"/v1/session/{session['session_id']}/memories/{item['memory_hash']}"
        assert (await client.get(path)).json()["text"] == "\n".join(turns[3])

        asked = {"message": turns[3][0], "learn": False}
        again = (await client.post("/v1/run", **session | asked)).json()
        assert again["short_circuit"]
        assert "16:30" in again["context"]
        asked["message"] = turns[3][0].replace("Friday", "Sunday")
        other = (await client.post("/v1/run", **session | asked)).json()
        assert other["top_similarity"] > 0.85
        assert not other["short_circuit"]

        (listed,) = (await client.get("/v1/session/")).json()
        assert listed["session_id"] == session["session_id"]
        assert listed["total_memories"] == len(turns)
        deleted = await client.delete(f"/v1/session/{session['session_id']}")
        assert deleted.json() == session
        assert (await client.get("/v1/session/")).json() == []
        assert (await client.get(path)).status == 404


async def recall(client: Client, session: dict[str, str], **asked: object) -> list[dict[str, Any]]:
    answer = await client.get(f"/v1/state/context?{urlencode(session | asked)}")
    items: list[dict[str, Any]] = answer.json()["context"]
    return items


async def test_promise_7_another_owner_finds_nothing_and_changes_nothing(
    sqlite_url: str, tmp_path: Path
) -> None:
    keys = tmp_path / "keys"
    semvec("license", "keygen", "--out", str(keys))
    ada, eve = (issue(keys, subject) for subject in ("ada", "eve"))
    public = str(keys / "public.pem")
    async with (
        serving(sqlite_url, tmp_path, SEMVEC_LICENSE_PUBLIC_KEY=public, **LOCAL) as server,
        server.client(ada) as owner,
        server.client(eve) as other,
    ):
        await owner.post("/v1/session/create", **CREATE | {"session_id": "s"})
        await owner.post("/v1/session/create", **CREATE | {"session_id": "other"})
        await owner.post("/v1/network/users/switch", user_id="ann")
        for kind in ("cluster", "region"):
            made = await owner.post(f"/v1/{kind}/", **{f"{kind}_id": kind[0], "name": kind})
            assert made.status == 201
        await owner.post("/v1/network/users/switch", user_id="u")
        observing = {"sample_interval_seconds": 86_400, "region_ids": ["r"]}
        assert (await owner.post("/v1/observer/", **observing)).status == 201
        stored = await owner.post("/v1/store", **fields_of("s", "response", "response_embedding"))
        before = await fingerprint(owner, sqlite_url)
        requests = requests_with_an_id((await owner.get("/openapi.json")).json())
        assert len(requests) >= 35
        exported = (await owner.get("/v1/session/s/export")).json()["state_dict"]
        for _, path, fields in requests:
            if "memory_hash" in fields:
                fields["memory_hash"] = stored.json()["memory_hash"]
            if path.endswith("/import"):
                fields["state_dict"] = exported
        for method, path, fields in requests:
            hers = await send(other, method, path, fields)
            absent = {name: NOBODYS[name] for name in NOBODYS if name in fields}
            nobodys = await send(other, method, path, fields | absent)
            assert hers.status == nobodys.status == 404, (method, path, hers)
            as_if_hers = {nobodys.json()["detail"].replace("nowhere", VALUES[name]) for name in IDS}
            assert hers.json()["detail"] in as_if_hers
        assert await fingerprint(owner, sqlite_url) == before
        for kind in ("session", "cluster", "region"):
            assert (await other.get(f"/v1/{kind}/")).json() == []
        created = await other.post("/v1/session/create", **CREATE | {"session_id": "s"})
        assert created.json() == {"session_id": "s", "created": True}
        assert (await fingerprint(owner, sqlite_url))[0] == before[0]
        for method, path, fields in sorted(requests, key=last_what_erases):
            if not path.endswith(ENDLESS):
                if path.endswith("{cluster_id}/run"):
                    del fields["session_id"]  # only its own backing session would be taken
                if method == "DELETE" and "/entities" in path:  # two forms remove the same one
                    entity = {name: VALUES[name] for name in ("session_id", "key", "kind", "value")}
                    await send(owner, "POST", "/v1/session/{session_id}/entities", entity)
                answer = await send(owner, method, path, fields)
                assert answer.status in (200, 201), (method, path, answer)


@pytest.mark.timeout(300)
async def test_promise_10_bad_input_changes_nothing(sqlite_url: str, tmp_path: Path) -> None:
    async with serving(sqlite_url, tmp_path, **LOCAL) as server, server.client() as client:
        await client.post("/v1/session/create", **CREATE | {"session_id": "s"})
        await client.post("/v1/store", **fields_of("s", "response", "response_embedding"))
        document = (await client.get("/openapi.json")).json()
        before = await fingerprint(client, sqlite_url)
        tried = 0
        for method, path, body in bad_requests(document):
            async with server.client() as other:
                answer = await other.request(method, path, body)
            shown = method, path[:100], body[:300], body[-100:]
            assert 400 <= answer.status < 500, (shown, answer)
            assert answer.json()["detail"], (shown, answer)
            assert await fingerprint(client, sqlite_url) == before, shown
            tried += 1
        assert tried > 600
        ran = await client.post("/v1/run", **fields_of("s", "message", "message_embedding"))
        assert ran.status == 200


def semvec(*arguments: str) -> str:
    command = [sys.executable, "-m", "semvec", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def issue(keys: Path, subject: str) -> str:
    key = str(keys / "private.pem")
    issued = ("license", "issue", "--key", key, "--sub", subject, "--tier", "enterprise")
    return semvec(*issued).strip()


def fields_of(session_id: str, *names: str) -> dict[str, Any]:
    return {"session_id": session_id, **{name: VALUES[name] for name in names}}


async def fingerprint(client: Client, url: str) -> tuple[object, list[object]]:
    """What the owner of session `s` sees of it, and the rows of all in the database."""
    metrics = (await client.get("/v1/metrics/s")).json()
    listed = (await client.get("/v1/session/")).json()
    database = sqlite3.connect(url.removeprefix("sqlite:///"))
    rows: list[object] = [
        database.execute(f"SELECT * FROM {table}").fetchall() for table in CHANGED_BY_REQUESTS
    ]
    database.close()
    return (metrics, listed), rows


Request = tuple[str, str, dict[str, Any]]
WITH_BODY = ("POST", "PUT")


def operations(document: dict[str, Any]) -> Iterator[Request]:
    """Method, path template and fitting fields (of path, query and body) of every endpoint."""
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            names = {parameter["name"] for parameter in operation.get("parameters", ())}
            names |= schema_of(document, operation).keys()
            fitting = CREATE if path.endswith("/create") else VALUES
            fields = {name: fitting[name] for name in fitting if name in names}
            yield method.upper(), path, fields


def schema_of(document: dict[str, Any], operation: dict[str, Any]) -> dict[str, Any]:
    if "requestBody" not in operation:
        return {}
    reference = operation["requestBody"]["content"]["application/json"]["schema"]["$ref"]
    component = document["components"]["schemas"][reference.rpartition("/")[2]]
    properties: dict[str, Any] = component["properties"]
    return properties


def requests_with_an_id(document: dict[str, Any]) -> list[Request]:
    return [
        (method, path, fields)
        for method, path, fields in operations(document)
        if fields.keys() & {*IDS} and not path.endswith(MAKING)
    ]


def last_what_erases(request: Request) -> tuple[bool, int]:
    """Deletes after all others, the session's own as the last of them."""
    method, path, _ = request
    return method == "DELETE", -len(path)


async def send(client: Client, method: str, path: str, fields: dict[str, Any]) -> Answer:
    target, body = written(method, path, fields)
    return await client.request(method, target, body)


def written(method: str, path: str, fields: dict[str, Any]) -> tuple[str, bytes]:
    target = path.format_map(fields)
    rest = {name: value for name, value in fields.items() if f"{{{name}}}" not in path}
    if method in WITH_BODY:
        return target, json.dumps(rest).encode()
    return f"{target}?{urlencode(rest)}", b""


NESTED = "[" * DEEP + "]" * DEEP
TWICE = b'{"session_id": "s", "session_id": "s"}'
BAD_BODIES = (
    TWICE,
    *(b"{", b"null", b"[]", b'"text"', b"\xff\xfe", b'{"session_id": "s"'),
    *(NESTED.encode(), b"[" * DEEP, b'{"a":' * DEEP),
)
BAD_VECTORS = (
    *("[]", json.dumps([0.0] * DIMENSION), json.dumps(VECTOR[1:]), json.dumps([*VECTOR, 1.0])),
    *(json.dumps([[number] for number in VECTOR]), '"text"', "{}", "7", NESTED),
    *(
        f"[{bad}, {json.dumps(VECTOR[1:])[1:]}"
        for bad in ("NaN", "Infinity", "-Infinity", "1e999", "-1e999", '"1"', "null", "true", "[]")
    ),
)
BAD_TEXTS = (
    *('"\\u0000"', '"a\\u0000b"', '"\\ud800"', '"a\\udfffb"', "7", "[]", "{}", "true", NESTED),
    json.dumps("a" * LONG),
)
BAD_NUMBERS = ("NaN", "Infinity", "-Infinity", "1e999", "-1e999", '"1"', "[]", "-5", NESTED)
BAD_FLAGS = ('"true"', "1.5", "[]", "NaN", NESTED)
BAD_PARAMETERS = ("%00", "a%00b", "%ed%a0%80", "a" * LONG)
BAD_PLAIN_PARAMETERS = ("NaN", "Infinity", "1e999", "-5", "[]", *BAD_PARAMETERS)


def bad_requests(document: dict[str, Any]) -> Iterator[tuple[str, str, bytes]]:
    for method, path, fields in operations(document):
        in_body = schema_of(document, document["paths"][path][method.lower()])
        target, _ = written(method, path, fields)
        for body in BAD_BODIES if in_body else ():
            yield method, target, body
        for name, value in fields.items():
            broken = fields | {name: "BAD"}
            if name in in_body:
                for bad in bad_values(value):
                    yield method, target, json.dumps(broken).replace('"BAD"', bad).encode()
                continue
            target, body = written(method, path, broken)
            for bad in BAD_PARAMETERS if isinstance(value, str) else BAD_PLAIN_PARAMETERS:
                yield method, target.replace("BAD", bad), body


def bad_values(value: object) -> tuple[str, ...]:
    match value:
        case bool():
            return BAD_FLAGS
        case [list(), *_]:
            return tuple(f"[{json.dumps(VECTOR)}, {bad}]" for bad in BAD_VECTORS)
        case list():
            return BAD_VECTORS
        case str():
            return BAD_TEXTS
    return BAD_NUMBERS
