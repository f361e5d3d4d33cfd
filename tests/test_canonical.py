import json
import math
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from semvec.canonical import EXACT, canonical, number

values = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(1 - EXACT, EXACT - 1),
        st.floats(allow_nan=False, allow_infinity=False),
        st.text(st.characters(exclude_categories=["Cs"])),
    ),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(codec="utf-8")), inner),
)

BITS = {
    0x0000000000000000: "0",
    0x8000000000000000: "0",
    0x0000000000000001: "5e-324",
    0x8000000000000001: "-5e-324",
    0x7FEFFFFFFFFFFFFF: "1.7976931348623157e+308",
    0x4340000000000000: "9007199254740992",
    0xC340000000000000: "-9007199254740992",
    0x4430000000000000: "295147905179352830000",
    0x44B52D02C7E14AF5: "9.999999999999997e+22",
    0x44B52D02C7E14AF6: "1e+23",
    0x444B1AE4D6E2EF4E: "999999999999999700000",
    0x444B1AE4D6E2EF50: "1e+21",
    0x3EB0C6F7A0B5ED8C: "9.999999999999997e-7",
    0x3EB0C6F7A0B5ED8D: "0.000001",
    0x41B3DE4355555553: "333333333.3333332",
    0x41B3DE4355555554: "333333333.33333325",
    0xBECBF647612F3696: "-0.0000033333333333333333",
    0x43143FF3C1CB0959: "1424953923781206.2",
}
"""Doubles by their bits, as RFC 8785, appendix B, prints them."""


@pytest.mark.parametrize(("bits", "printed"), BITS.items())
def test_numbers_are_printed_as_the_standard_shows(bits: int, printed: str) -> None:
    (x,) = struct.unpack(">d", bits.to_bytes(8))
    assert number(x) == printed


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_come_back(x: float) -> None:
    assert float(number(x)) == x
    assert len(number(x)) <= 25


@given(values)
def test_the_canonical_form_says_the_same_and_is_its_own(value: Any) -> None:
    text = canonical(value)
    assert json.loads(text, parse_int=float) == value
    assert canonical(json.loads(text, parse_int=float)) == text


def test_members_are_sorted_by_utf_16_and_strings_escape_as_little_as_can_be() -> None:
    members = {"\ufb33": 1, "\U0001f600": 2, "é": 3, "b": 4, "\r": 5, "1": 6}
    assert canonical(members) == '{"\\r":5,"1":6,"b":4,"é":3,"\U0001f600":2,"\ufb33":1}'
    assert canonical("€$\x0f\nA'B\"\\/\x7f") == '"€$\\u000f\\nA\'B\\"\\\\/\x7f"'
    assert canonical([1.0, 56.0, {"a": [], "d": {}}]) == '[1,56,{"a":[],"d":{}}]'


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, EXACT, -EXACT, "\ud800"])
def test_what_json_does_not_keep_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match=r"JSON|surrogates"):
        canonical({"a": [value]})
    if isinstance(value, str):
        with pytest.raises(ValueError, match="surrogates"):
            canonical({value: 1})
