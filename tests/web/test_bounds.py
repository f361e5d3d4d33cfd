import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from semvec.errors import Malformed
from semvec.web.bounds import MOST_PARTS, check_content, check_size
from tests.web.conftest import Client, RecordingService

TWICE = {
    "at the top": '{"message": "a", "message": "b"}',
    "an unknown one": '{"message": "a", "x": 1, "x": 2}',
    "deeper": '{"message": "a", "x": [{"y": 1, "y": 1}]}',
    "with spaces": '{"message" : "a", "message"\n: "b"}',
    "written in another way": r'{"message": "a", "\u006dessage": "b"}',
    "beside escaped quotes": r'{"message": "a\\", "x": "\"", "x": "\\\""}',
    "past many others": json.dumps({f"x{n}": "" for n in range(99)})[:-1] + ', "x7": 1}',
}
ONCE = {
    "in two objects": '{"message": "a", "x": {"y": 1}, "z": {"y": 1}}',
    "as a value": '{"message": "message", "x": ["x", "x"]}',
    "in a text": r'{"message": "\"x\": 1, \"x\": 2 : {{[["}',
    "after a backslash": r'{"message": "a\\", "x\\": "", "x": ":"}',
}


NO_JSON = ['{"message": "a", "x": NaN}', '{"message": "a", "x": [-Infinity]}', '{"x": Infinity}']


@pytest.mark.parametrize("body", NO_JSON)
def test_what_is_no_number_is_no_json_in_unknown_fields_too(body: str) -> None:
    with pytest.raises(Malformed, match="no JSON"):
        check_content(body.encode())


def test_a_text_may_speak_of_what_is_no_number() -> None:
    check_content(b'{"message": "NaN \\"Infinity", "NaN": 1}')


@pytest.mark.parametrize("body", TWICE.values(), ids=TWICE)
def test_a_name_twice_in_an_object_is_found(body: str) -> None:
    with pytest.raises(Malformed, match="twice"):
        check_content(body.encode())


@pytest.mark.parametrize("body", ONCE.values(), ids=ONCE)
def test_a_name_once_in_each_object_passes(body: str) -> None:
    check_content(body.encode())


class Members(list[tuple[str, Any]]):
    """Of an object, names as often as they come."""


VALUES = st.recursive(
    st.none() | st.text(':"\\{[x,') | st.integers(),
    lambda inner: st.lists(inner) | st.lists(st.tuples(st.text('xy:"\\'), inner)).map(Members),
)


def text_of(value: Any) -> str:
    if isinstance(value, Members):
        return "{" + ",".join(f"{json.dumps(k)}:{text_of(v)}" for k, v in value) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(text_of, value)) + "]"
    return json.dumps(value)


def has_twice(value: Any) -> bool:
    if isinstance(value, Members):
        names = [name for name, _ in value]
        return len({*names}) < len(names) or any(has_twice(inner) for _, inner in value)
    return isinstance(value, list) and any(map(has_twice, value))


@given(VALUES)
def test_it_agrees_with_a_parser_on_any_json(value: Any) -> None:
    content = text_of(value).encode()
    try:
        check_content(content)
        found = False
    except Malformed:
        found = True
    assert found == has_twice(value)


@pytest.mark.parametrize("part", ["[],", "{},", '"":0,'])
def test_a_body_of_ever_more_parts_is_refused(part: str) -> None:
    check_size(part.encode() * MOST_PARTS)
    with pytest.raises(Malformed, match="more than 16384"):
        check_size(part.encode() * (MOST_PARTS + 1) + b" " * 65536)


def test_text_may_hold_as_many_brackets_as_it_likes() -> None:
    check_size(json.dumps({"message": '[{:"' * 50_000}).encode())


@pytest.mark.parametrize("method", ["body", "query"])
async def test_what_is_said_twice_is_not_guessed_at(
    client: Client, service: RecordingService, method: str
) -> None:
    if method == "body":
        answer = await client.post("/v1/run", data=TWICE["at the top"])
        assert answer.status == 400
        assert "'message' twice" in (await answer.json())["detail"]
    else:
        answer = await client.get("/v1/session/?limit=1&limit=2")
        assert answer.status == 422
        (fault,) = (await answer.json())["detail"]
        assert fault == {"loc": ["query", "limit"], "msg": "given twice", "type": "given_twice"}
        assert (await client.get("/v1/session/?unknown=1&unknown=2")).status == 422
    assert all(name != "run" for name, _ in service.calls)


@pytest.mark.parametrize(
    ("field", "value"),
    [("message", "a" * 262_145), ("message_embedding", [1.0] * 16_385)],
)
async def test_longer_than_any_use_is_out_of_range(
    client: Client, service: RecordingService, field: str, value: object
) -> None:
    answer = await client.post("/v1/run", json={"message": "a", field: value})
    assert answer.status in (413, 422)
    assert not service.calls
