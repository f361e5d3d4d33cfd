"""Size limits for JSON, checked on the bytes before objects are created where possible.

The parser limits depth to 200 levels; the fields limit strings and arrays.
"""

import json
from collections.abc import Sequence

from semvec.errors import Malformed

MOST_PARTS = 16_384
"""Objects, arrays and member names in one body, unknown fields included."""
SMALL_BODY_BYTES = 64 * 1024
"""Bodies up to this many bytes are not counted: a megabyte of `[],` would take 70 in memory."""
MOST_STRINGS = 65_536
"""Strings in one body, member names included."""
BYTES_PER_NUMBER = 4
"""Bytes per list item, at least, on average over a large body."""
FEW = 64
"""Quotes that are searched one by one; faster where long vectors lie between them."""
PLAIN_BYTES = bytes(sorted({*range(256)} - {*b"[{:"}))


def check_size(content: bytes) -> None:
    """Raise Malformed if the body has too many parts."""
    if len(content) > SMALL_BODY_BYTES:
        _check_items(content)
    if len(content) <= SMALL_BODY_BYTES or len(content.translate(None, PLAIN_BYTES)) <= MOST_PARTS:
        return
    outside = b"".join(_split(content)[::2])
    if len(outside.translate(None, PLAIN_BYTES)) > MOST_PARTS:
        raise Malformed(f"the body holds more than {MOST_PARTS} objects, arrays and names")


def _check_items(content: bytes) -> None:
    """Limit strings and list items: a megabyte of `0,` or `"",` would block the event loop twice as
    long as one of real vectors."""
    if _unescaped(content).count(b'"') > 2 * MOST_STRINGS:
        raise Malformed(f"the body holds more than {MOST_STRINGS} strings")
    most = len(content) // BYTES_PER_NUMBER
    if content.count(b",") > most and sum(part.count(b",") for part in _split(content)[::2]) > most:
        raise Malformed(f"a body of {len(content)} bytes may hold {most} numbers and other items")


def check_content(content: bytes) -> None:
    """Raise Malformed for what the parser accepts but JSON does not allow: NaN and Infinity, and a
    name given twice in an object (parsers differ in which value they take)."""
    parts = _split(content)
    if (b"NaN" in content or b"Infinity" in content) and _names_no_number(parts[::2]):
        raise Malformed("the body is no JSON: NaN and Infinity are not numbers")
    names = [
        string
        for string, after in zip(parts[1::2], parts[2::2], strict=True)
        if after[:1] == b":" or after.lstrip()[:1] == b":"
    ]
    if len({*names}) < len(names) or any(b"\\" in name for name in names):
        json.loads(content, object_pairs_hook=_once_each)


def _names_no_number(outside: Sequence[bytes]) -> bool:
    return any(b"NaN" in part or b"Infinity" in part for part in outside)


def _split(content: bytes) -> Sequence[bytes]:
    """Split into the text outside and inside of strings, alternating, without escaped quotes."""
    content = _unescaped(content)
    parts: list[bytes] = []
    start = 0
    while len(parts) < FEW:
        end = content.find(b'"', start)
        if end < 0:
            return [*parts, content[start:]]
        parts.append(content[start:end])
        start = end + 1
    return [*parts, *content[start:].split(b'"')]


def _unescaped(content: bytes) -> bytes:
    """Remove escaped quotes and backslashes."""
    if b"\\" not in content:
        return content
    return content.replace(b"\\\\", b"").replace(b'\\"', b"")


def _once_each(members: list[tuple[str, object]]) -> None:
    seen = set()
    for name, _ in members:
        if name in seen:
            raise Malformed(f"an object of the body has the name {name!r} twice")
        seen.add(name)
