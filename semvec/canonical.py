"""JSON in its canonical form: RFC 8785 (JCS)."""

import json
from collections.abc import Mapping
from typing import Any

EXACT = 2**53
"""All integers below this are exact doubles, and so the same in every JSON parser."""


def canonical(value: Any) -> str:
    """Return the canonical form of a JSON value: no white space, members in order, shortest
    numbers.

    Raises ValueError for values that JSON does not keep: numbers that are not finite, Python
    integers from 2^53, lone surrogates.
    """
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case str():
            value.encode()
            return _string(value)
        case int():
            if abs(value) >= EXACT:
                raise ValueError("there is an integer beyond 2^53, which JSON does not keep")
            return str(value)
        case float():
            return number(value)
        case Mapping():
            members = sorted(value.items(), key=lambda member: member[0].encode("utf-16-be"))
            return "{" + ",".join(f"{_string(k)}:{canonical(v)}" for k, v in members) + "}"
        case _:
            return "[" + ",".join(map(canonical, value)) + "]"


def number(x: float) -> str:
    """Format a number as ECMAScript does: Python's digits, with another threshold for exponents."""
    text = repr(x)
    digits, _, exponent = text.partition("e")
    if not exponent:
        if text in ("inf", "-inf", "nan"):
            raise ValueError(f"{text} is no JSON number")
        return "0" if x == 0.0 else text.removesuffix(".0")
    power = int(exponent)
    if not -7 < power < 21:
        return f"{digits}e{power:+d}"
    sign, plain = ("-", digits[1:]) if x < 0.0 else ("", digits)
    whole, _, fraction = plain.partition(".")
    if power < 0:
        return f"{sign}0.{'0' * (-power - 1)}{whole}{fraction}"
    return sign + (whole + fraction).ljust(power + 1, "0")


_string = json.JSONEncoder(ensure_ascii=False).encode
