from typing import Any

import pytest

from semvec.web.call import Call
from semvec.web.endpoint import endpoint
from tests.web.conftest import Client, RecordingService

NOT_JSON = {
    "nothing": b"",
    "a form": b"message=Hello",
    "a text": b"Hello",
    "cut off": b'{"message": "Hello"',
    "followed by more": b'{"message": "Hello"} {}',
    "UTF-16": '{"message": "Hello"}'.encode("utf-16"),
    "broken UTF-8": b'{"message": "\xff"}',
    "a lone surrogate": rb'{"message": "\ud83d"}',
    "a surrogate in UTF-8": b'{"message": "\xed\xa0\x80"}',
    "a bare NUL": b'{"message": "\x00"}',
    "deep": b"[" * 50_000,
    "deep in a field": b'{"message": ' + b"[" * 10_000 + b"]" * 10_000 + b"}",
    "deep in an unknown field": b'{"message": "a", "x": ' + b"[" * 10_000 + b"]" * 10_000 + b"}",
    "a number of 5,000 digits": b'{"message": "a", "message_embedding": [1' + b"0" * 5000 + b"]}",
}

UNFIT: dict[str, tuple[bytes, list[str | int], str]] = {
    "an array": (b"[]", ["body"], "model_type"),
    "null": (b"null", ["body"], "model_type"),
    "a field missing": (b"{}", ["body", "message"], "missing"),
    "too short": (b'{"message": ""}', ["body", "message"], "string_too_short"),
    "NUL": (rb'{"message": "a\u0000"}', ["body", "message"], "string_pattern_mismatch"),
    "no string": (b'{"message": 1}', ["body", "message"], "string_type"),
    "no boolean": (b'{"message": "a", "learn": 1}', ["body", "learn"], "bool_type"),
    "no null": (b'{"message": "a", "learn": null}', ["body", "learn"], "bool_type"),
    "a number as text": (
        b'{"message": "a", "short_circuit_threshold": "0.5"}',
        ["body", "short_circuit_threshold"],
        "float_type",
    ),
    "a boolean as number": (
        b'{"message": "a", "message_embedding": [0.5, true]}',
        ["body", "message_embedding", 1],
        "float_type",
    ),
    "out of range": (
        b'{"message": "a", "short_circuit_threshold": 1.5}',
        ["body", "short_circuit_threshold"],
        "less_than_equal",
    ),
    "not a number": (
        b'{"message": "a", "message_embedding": [NaN]}',
        ["body", "message_embedding", 0],
        "finite_number",
    ),
    "infinite": (
        b'{"message": "a", "message_embedding": [1e999]}',
        ["body", "message_embedding", 0],
        "finite_number",
    ),
    "an integer past every float": (
        b'{"message": "a", "message_embedding": [1' + b"0" * 400 + b"]}",
        ["body", "message_embedding", 0],
        "finite_number",
    ),
    "not an id": (
        rb'{"message": "a", "session_id": "s\n"}',
        ["body", "session_id"],
        "string_pattern_mismatch",
    ),
}


@pytest.mark.parametrize("body", NOT_JSON.values(), ids=NOT_JSON)
async def test_what_is_not_json_is_malformed(
    client: Client, service: RecordingService, body: bytes
) -> None:
    answer = await client.post("/v1/run", data=body)
    assert answer.status == 400
    detail = (await answer.json())["detail"]
    assert detail.startswith("Invalid JSON: " if body else "the body is empty")
    assert not service.calls


@pytest.mark.parametrize(("body", "loc", "kind"), UNFIT.values(), ids=UNFIT)
async def test_json_that_does_not_fit_is_told_by_field(
    client: Client, service: RecordingService, body: bytes, loc: list[str | int], kind: str
) -> None:
    answer = await client.post("/v1/run", data=body)
    assert answer.status == 422
    (fault,) = (await answer.json())["detail"]
    assert (fault["loc"], fault["type"]) == (loc, kind)
    assert fault.keys() == {"loc", "msg", "type"}
    assert not service.calls


async def test_every_bad_field_is_told_but_one_number_of_a_vector(client: Client) -> None:
    body = {"message": "", "learn": "no", "message_embedding": [None] * 1000}
    answer = await client.post("/v1/run", json=body)
    faults = (await answer.json())["detail"]
    assert [fault["loc"] for fault in faults] == [
        ["body", "message"],
        ["body", "learn"],
        ["body", "message_embedding", 0],
    ]


async def test_integers_are_numbers(client: Client, service: RecordingService) -> None:
    body = {"message": "a", "message_embedding": [1, -2, 3.5]}
    assert (await client.post("/v1/run", json=body)).status == 200
    assert service.last_call["message_embedding"] == [1.0, -2.0, 3.5]


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded"])
async def test_json_is_json_whatever_it_is_called(client: Client, content_type: str) -> None:
    headers = {"Content-Type": content_type}
    answer = await client.post("/v1/run", data=b'{"message": "a"}', headers=headers)
    assert answer.status == 200


async def test_an_absent_body_is_an_empty_one_where_no_field_is_required(
    client: Client, service: RecordingService
) -> None:
    assert (await client.post("/v1/session/create")).status == 200
    assert service.last_call["enable_topic_switch"] is True


@pytest.mark.parametrize(
    ("path", "loc", "kind"),
    [
        ("/v1/state/metrics", ["query", "session_id"], "missing"),
        ("/v1/state/metrics?session_id=%00", ["query", "session_id"], "string_pattern_mismatch"),
        ("/v1/state/context?session_id=s&top_k=0", ["query", "top_k"], "greater_than_equal"),
        ("/v1/state/context?session_id=s&top_k=x", ["query", "top_k"], "int_parsing"),
        ("/v1/state/context?session_id=s&full_first=x", ["query", "full_first"], "bool_parsing"),
        ("/v1/session/?limit=1" + "0" * 30, ["query", "limit"], "less_than_equal"),
        ("/v1/metrics/a%00b", ["path", "session_id"], "string_pattern_mismatch"),
        ("/v1/session/s/memories/%00", ["path", "memory_hash"], "string_pattern_mismatch"),
    ],
)
async def test_the_address_is_validated_like_a_body(
    client: Client, service: RecordingService, path: str, loc: list[str], kind: str
) -> None:
    answer = await client.get(path)
    assert answer.status == 422
    (fault,) = (await answer.json())["detail"]
    assert (fault["loc"], fault["type"]) == (loc, kind)
    assert not service.calls


@pytest.mark.parametrize(
    ("part", "status"),
    [("%ED%A0%80", 400), ("%FF", 400), ("%F0%9F%98%80", 200), ("a%2Fb", 200)],
)
async def test_an_address_is_utf_8(client: Client, part: str, status: int) -> None:
    assert (await client.get(f"/v1/metrics/{part}")).status == status
    assert (await client.get(f"/v1/state/metrics?session_id={part}")).status == status


@pytest.mark.parametrize("path", ["/v1/thing/{thing_id}", "/v1/thing"])
def test_a_handler_must_take_the_parts_of_its_path(path: str) -> None:
    async def handle(call: Call, session_id: str) -> dict[str, Any]:
        return {"session_id": session_id}

    with pytest.raises(TypeError, match="session_id"):
        endpoint("GET", path, summary="A thing")(handle)


async def test_a_whole_number_is_an_integer_however_it_is_written(
    client: Client, service: RecordingService
) -> None:
    for text, status in (("7", 200), ("7.0", 200), ("7e0", 200), ("7.5", 422), ('"7"', 422)):
        body = f'{{"session_id": "s", "top_k": {text}}}'
        answer = await client.post("/v1/state/context", data=body)
        assert answer.status == status, text
        if status == 200:
            assert service.last_call["top_k"] == 7
