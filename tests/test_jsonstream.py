import io
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from semvec import jsonstream
from semvec.jsonstream import JsonStream

values = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(2**53) + 1, 2**53 - 1),
        st.floats(allow_nan=False, allow_infinity=False),
        st.text(st.characters(exclude_categories=["Cs"])),
    ),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=20,
)
layouts = st.sampled_from([{}, {"indent": 3}, {"ensure_ascii": False}, {"separators": (",", ":")}])


class Dripping(io.BytesIO):
    """Gives so many bytes at a time at most, however many are asked for."""

    def __init__(self, data: bytes, size: int) -> None:
        super().__init__(data)
        self._size = size

    def read(self, size: int | None = -1, /) -> bytes:
        return super().read(self._size)


def stream(text: str | bytes, largest: int = 10_000, size: int = 7) -> JsonStream:
    return JsonStream(Dripping(text if isinstance(text, bytes) else text.encode(), size), largest)


@given(st.lists(values), layouts, st.integers(1, 50))
def test_a_list_is_read_item_by_item(items: list[Any], layout: Any, size: int) -> None:
    reading = stream(json.dumps(items, **layout), size=size)
    assert list(reading.items()) == items
    reading.end()


@given(st.dictionaries(st.text(max_size=5), values), layouts, st.integers(1, 50))
def test_an_object_is_read_member_by_member(
    members: dict[str, Any], layout: Any, size: int
) -> None:
    reading = stream(json.dumps(members, **layout), size=size)
    assert {name: reading.value() for name in reading.members()} == members
    reading.end()


def test_lists_may_lie_in_objects() -> None:
    reading = stream(' { "a" : [ 1, 2 ] , "b" : { "c" : [ ] } } ')
    found: dict[str, list[Any]] = {}
    for name in reading.members():
        if name == "a":
            found[name] = list(reading.items())
        else:
            found |= {inner: list(reading.items()) for inner in reading.members()}
    reading.end()
    assert found == {"a": [1, 2], "c": []}


def test_integers_are_integers_however_they_are_printed() -> None:
    found = list(stream("[1.0, 2e0, -0.0, 1e300, 9007199254740993]").items())
    assert [type(each) for each in found] == [int, int, int, float, float]


NO_JSON: dict[str, bytes] = {
    "nothing": b"",
    "cut in an item": b'[1, {"a": "b',
    "cut after an item": b"[1, 2",
    "cut after a comma": b"[1,",
    "no comma": b"[1 2]",
    "a comma too many": b"[1, ]",
    "another kind": b'{"a": 1}',
    "not a number": b"[NaN]",
    "infinite": b"[-Infinity]",
    "twice the same name": b'[{"a": 1, "a": 1}]',
    "no UTF-8": b'["\xff"]',
    "a character cut": b'["\xe2\x82"]',
    "more after it": b"[1] 2",
    "a control character": b'["\n"]',
    "too large": b'["' + b"a" * 10_000 + b'"]',
}


@pytest.mark.parametrize("text", NO_JSON.values(), ids=NO_JSON)
def test_what_is_no_such_json_is_refused(text: bytes) -> None:
    def read(reading: JsonStream) -> None:
        list(reading.items())
        reading.end()

    with pytest.raises(ValueError, match=r"."):
        read(stream(text, largest=9_000))


@pytest.mark.parametrize(
    "text", [b'{"a" 1}', b'{"a": 1,}', b"{1: 2}", b'{"a": 1 "b": 2}', b"{,}", b'{"a": 1']
)
def test_what_is_no_object_is_refused(text: bytes) -> None:
    reading = stream(text)
    with pytest.raises(ValueError, match=r"."):
        [reading.value() for _ in reading.members()]


def test_a_value_is_read_no_further_than_its_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jsonstream, "JSON_CHUNK", 100)
    source = io.BytesIO(b'["' + b"a" * 1_000_000)
    with pytest.raises(ValueError, match="no value of up to 1000 characters"):
        list(JsonStream(source, 1000).items())
    assert source.tell() < 5000


def test_nothing_but_the_item_at_hand_is_held(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jsonstream, "JSON_CHUNK", 64)
    reading = JsonStream(io.BytesIO(json.dumps(["x" * 50] * 10_000).encode()), 100)
    assert max(len(reading._text) for _ in reading.items()) < 400
