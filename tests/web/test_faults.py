"""What no schema names is refused, with its name and the nearest known one."""

import json
from typing import Any

import pytest

from semvec.errors import Invalid
from tests.web.conftest import Client, RecordingService

UNKNOWN: dict[str, tuple[str, str, Any, list[str | int], str]] = {
    "a field of a body": (
        "POST",
        "/v1/run",
        {"message": "a", "metadata": {}},
        ["body", "metadata"],
        "unknown field 'metadata'",
    ),
    "a misspelt field": (
        "POST",
        "/v1/run",
        {"message": "a", "sesion_id": "s"},
        ["body", "sesion_id"],
        "unknown field 'sesion_id': did you mean 'session_id'?",
    ),
    "one in other letters": (
        "POST",
        "/v1/run",
        {"message": "a", "Learn": False},
        ["body", "Learn"],
        "unknown field 'Learn': did you mean 'learn'?",
    ),
    "a field of an item of a list": (
        "POST",
        "/v1/session/create",
        {"policy_vectors": [{"embedding": [1.0]}, {"embedding": [1.0], "wieght": 2}]},
        ["body", "policy_vectors", 1, "wieght"],
        "unknown field 'wieght': did you mean 'weight'?",
    ),
    "a parameter": (
        "GET",
        "/v1/session/?limt=3",
        None,
        ["query", "limt"],
        "unknown parameter 'limt': did you mean 'limit'?",
    ),
    "a parameter where there are none": (
        "GET",
        "/v1/metrics/s?verbose=1",
        None,
        ["query", "verbose"],
        "unknown parameter 'verbose'",
    ),
    "a parameter of a public path": (
        "GET",
        "/v1/health?deep=1",
        None,
        ["query", "deep"],
        "unknown parameter 'deep'",
    ),
    "a field in the query string": (
        "POST",
        "/v1/store?session_id=s",
        {"session_id": "s", "response": "a"},
        ["query", "session_id"],
        "unknown parameter 'session_id': it belongs in the body",
    ),
    "a parameter in the body": (
        "GET",
        "/v1/state/context?session_id=s",
        {"q": "a"},
        ["body", "q"],
        "unknown field 'q': it belongs in the query string",
    ),
    "a part of the path in the body": (
        "DELETE",
        "/v1/session/s",
        {"session_id": "s"},
        ["body", "session_id"],
        "unknown field 'session_id': it belongs in the path",
    ),
    "a field where there are none": (
        "POST",
        "/v1/session/s/isolation/release",
        {"all": True},
        ["body", "all"],
        "unknown field 'all'",
    ),
}


@pytest.mark.parametrize(("method", "path", "body", "loc", "msg"), UNKNOWN.values(), ids=UNKNOWN)
async def test_what_no_schema_names_is_refused_by_its_name(
    client: Client,
    service: RecordingService,
    method: str,
    path: str,
    body: Any,
    loc: list[str | int],
    msg: str,
) -> None:
    answer = await client.request(method, path, data=None if body is None else json.dumps(body))
    assert answer.status == 422
    (fault,) = (await answer.json())["detail"]
    assert fault == {"loc": loc, "msg": msg, "type": "extra_forbidden"}
    assert not service.calls


@pytest.mark.parametrize(
    ("method", "path"), [("DELETE", "/v1/session/s"), ("POST", "/v1/observer/sample")]
)
async def test_an_empty_object_says_nothing_and_is_taken_where_there_are_no_fields(
    client: Client, method: str, path: str
) -> None:
    assert (await client.request(method, path, data=b"{}")).status == 200
    assert (await client.request(method, path, data=b"all=1")).status == 400
    assert (await client.request(method, path, data=b"[]")).status == 422


@pytest.mark.parametrize("name", ["limit", "strange"])
async def test_a_parameter_comes_once(client: Client, name: str) -> None:
    answer = await client.get(f"/v1/session/?{name}=1&{name}=1")
    assert answer.status == 422
    (fault,) = (await answer.json())["detail"]
    assert (fault["loc"], fault["type"]) == (["query", name], "given_twice")


async def test_long_names_are_cut(client: Client) -> None:
    answer = await client.post("/v1/run", json={"message": "a", "x" * 60_000: 1})
    (fault,) = (await answer.json())["detail"]
    assert fault["loc"] == ["body", "x" * 64 + "…"]
    assert len(fault["msg"]) < 100


async def test_many_faults_are_counted_and_not_all_listed(client: Client) -> None:
    for count, listed in ((150, 101), (4000, 1)):
        answer = await client.post(
            "/v1/run", json={"message": "a"} | {f"x{n}": 1 for n in range(count)}
        )
        assert answer.status == 422
        faults = (await answer.json())["detail"]
        assert len(faults) == listed
        assert faults[-1]["type"] == "too_many_faults"
    answer = await client.get("/v1/session/?" + "&".join(f"x{n}=1" for n in range(65)))
    (fault,) = (await answer.json())["detail"]
    assert (fault["loc"], fault["type"]) == (["query"], "too_long")


async def test_what_the_service_finds_is_told_where_the_client_sent_it(
    client: Client, service: RecordingService
) -> None:
    service.failure = Invalid.field("q", "cannot be encoded")
    for answer, place in (
        (await client.get("/v1/state/context?session_id=s&q=a"), "query"),
        (await client.post("/v1/state/context", json={"session_id": "s", "q": "a"}), "body"),
    ):
        assert answer.status == 422
        (fault,) = (await answer.json())["detail"]
        assert fault["loc"] == [place, "q"]
    service.failure = Invalid.field("session_id", "is not one")
    (fault,) = (await (await client.get("/v1/metrics/s")).json())["detail"]
    assert fault["loc"] == ["path", "session_id"]
