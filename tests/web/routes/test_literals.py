from typing import Any
from urllib.parse import quote

import pytest
from yarl import URL

from tests.web.conftest import Client, RecordingService

SESSION = {"owner": "anonymous", "session_id": "s"}
KEYS = [
    "plain",
    "src/app/main.py",
    "100%",
    "%2F",
    "a b?c#d&e=f",
    "Schlüssel/東京",
    "line\nbreak",
    "entities/x",
    "ж" * 512,
]


async def test_an_entity_passes_on_every_field(client: Client, service: RecordingService) -> None:
    asked = {
        "key": "a/b.py",
        "kind": "path",
        "value": "x = 1\r\n",
        "context": "settings",
        "importance": 0.5,
    }
    answer = await client.post("/v1/session/s/entities", json=asked)
    assert answer.status == 201
    assert service.calls == [("put", SESSION | asked)]
    assert await answer.json() == {"session_id": "s", "key": "a/b.py", "size": 9}
    await client.post("/v1/session/s/entities", json={"key": "k", "kind": "type", "value": ""})
    given = {"key": "k", "kind": "type", "value": ""}
    assert service.last_call == SESSION | given | {"context": "", "importance": 1.0}


async def test_entities_are_found(client: Client, service: RecordingService) -> None:
    answer = await client.get("/v1/session/s/entities", params={"q": "b py", "max_results": 3})
    assert service.last_call == SESSION | {"q": "b py", "max_results": 3, "cursor": None}
    assert answer.headers["X-Next-Cursor"] == "next"
    assert answer.headers["X-Total-Estimate"] == "6"
    assert await answer.json() == {
        "session_id": "s",
        "entities": [
            {
                "key": "a/b.py",
                "kind": "path",
                "value": "x = 1",
                "context": "",
                "importance": 1.0,
                "access_count": 2,
            }
        ],
        "total": 6,
    }
    await client.get("/v1/session/s/entities?cursor=next")
    assert service.last_call == SESSION | {"q": "", "max_results": 20, "cursor": "next"}


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("safe", ["", "/"], ids=["slashes encoded", "slashes plain"])
async def test_a_key_is_all_that_follows(
    client: Client, service: RecordingService, key: str, safe: str
) -> None:
    encoded = quote(key, safe=safe)
    path = URL(f"/v1/session/s/entities/{encoded}", encoded=True)
    answer = await client.delete(path)
    assert answer.status == 200, await answer.text()
    assert service.last_call == SESSION | {"key": key}
    assert (await answer.json())["key"] == key


async def test_a_key_in_the_query_string_is_any_key(
    client: Client, service: RecordingService
) -> None:
    path = URL("/v1/session/s/entities?key=a%2F.%2Fb%2F..%2Fc", encoded=True)
    assert (await client.delete(path)).status == 200
    assert service.last_call == SESSION | {"key": "a/./b/../c"}


@pytest.mark.parametrize("key", ["a%2F..%2Fb", "a%2F%2Fb", "a/", "%2Fa", "a%5C..%5Cb"])
async def test_a_key_that_a_proxy_would_rewrite_is_no_part_of_a_path(
    client: Client, service: RecordingService, key: str
) -> None:
    answer = await client.delete(URL(f"/v1/session/s/entities/{key}", encoded=True))
    assert answer.status == 422
    (fault,) = (await answer.json())["detail"]
    assert fault["loc"] == ["path", "key"]
    assert "?key=" in fault["msg"]
    assert not service.calls


async def test_without_a_key_there_is_nothing_to_delete(client: Client) -> None:
    for path in ("/v1/session/s/entities", "/v1/session/s/entities/"):
        answer = await client.delete(path)
        assert answer.status == 422
        (fault,) = (await answer.json())["detail"]
        assert (fault["loc"], fault["type"]) == (["query", "key"], "missing")


@pytest.mark.parametrize(
    ("fields", "loc"),
    [
        ({"key": ""}, "key"),
        ({"key": "k" * 513}, "key"),
        ({"key": "k" * 4096}, "key"),
        ({"key": "a\0b"}, "key"),
        ({"kind": 7}, "kind"),
        ({"value": "a\0b"}, "value"),
        ({"context": None}, "context"),
        ({"importance": 1.5}, "importance"),
    ],
)
async def test_what_does_not_fit_is_told_by_field(
    client: Client, service: RecordingService, fields: dict[str, Any], loc: str
) -> None:
    body = {"key": "k", "kind": "path", "value": "v"} | fields
    answer = await client.post("/v1/session/s/entities", json=body)
    assert answer.status == 422
    (fault,) = (await answer.json())["detail"]
    assert fault["loc"] == ["body", loc]
    assert not service.calls


async def test_a_lone_surrogate_is_no_text(client: Client) -> None:
    body = rb'{"key": "\ud800", "kind": "path", "value": "v"}'
    assert (await client.post("/v1/session/s/entities", data=body)).status == 400
    path = URL("/v1/session/s/entities/%ED%A0%80", encoded=True)
    assert (await client.delete(path)).status == 400


@pytest.mark.parametrize(("path", "status"), [("a%00b", 422), ("k" * 9000, 400)])
async def test_an_address_that_cannot_be(client: Client, path: str, status: int) -> None:
    answer = await client.delete(URL(f"/v1/session/s/entities/{path}", encoded=True))
    assert answer.status == status
