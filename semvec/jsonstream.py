"""A JSON reader that works piece by piece, so that a long list is never complete in memory."""

import codecs
import json
import re
from collections.abc import Iterator
from typing import Any, BinaryIO

from semvec.canonical import EXACT

JSON_CHUNK = 64 * 1024
MAX_JSON_MEMBERS = 100
"""Limit for an object that is read piece by piece."""
JSON_WHITE_SPACE = re.compile(r"[ \t\n\r]*")
OF_NUMBERS = re.compile(r"[-+.0-9eE]*")


class JsonStream:
    """One JSON text, read forwards.

    After `members` or `items` yields, the value at that place must be read before the next step.
    Raises ValueError for invalid JSON, for a repeated name in an object, and for a single value of
    more than `largest` characters.
    """

    def __init__(self, source: BinaryIO, largest: int) -> None:
        self._source, self._largest = source, largest
        self._decode = codecs.getincrementaldecoder("utf-8")().decode
        self._parse = json.JSONDecoder(
            object_pairs_hook=_unique,
            parse_float=_number,
            parse_int=_number,
            parse_constant=_no_number,
        ).raw_decode
        self._text, self._at, self._ended = "", 0, False

    def members(self) -> Iterator[str]:
        """Yield the names of the next object; after each, its value is next."""
        self._expect("{")
        if self._next_is("}"):
            return
        seen: set[str] = set()
        while True:
            name = self.value()
            if not isinstance(name, str):
                raise self._fault("an object has a member without a name")
            if name in seen:
                raise self._fault(f"an object has {name!r} twice")
            if len(seen) == MAX_JSON_MEMBERS:
                raise self._fault(f"an object has more than {MAX_JSON_MEMBERS} members")
            seen.add(name)
            self._expect(":")
            yield name
            if self._next_is("}"):
                return
            self._expect(",")

    def items(self) -> Iterator[Any]:
        """Yield the values of the next list."""
        self._expect("[")
        if self._next_is("]"):
            return
        while True:
            yield self.value()
            if self._next_is("]"):
                return
            self._expect(",")

    def value(self) -> Any:
        """Return the next value, complete."""
        self._peek()
        while True:
            try:
                value, end = self._parse(self._text, self._at)
            except json.JSONDecodeError as error:
                if self._ended:
                    raise self._fault(f"no JSON, or cut off ({error.msg.lower()})") from None
            else:
                if self._ended or not OF_NUMBERS.fullmatch(self._text, end):  # a number may go on
                    self._at = end
                    return value
            if len(self._text) - self._at > self._largest:
                raise self._fault(f"there is no value of up to {self._largest} characters")
            self._read_on()

    def end(self) -> None:
        if self._peek():
            raise self._fault("something follows the JSON value")

    def _expect(self, mark: str) -> None:
        if not self._next_is(mark):
            raise self._fault(f"expected {mark!r}")

    def _next_is(self, mark: str) -> bool:
        found = self._peek() == mark
        self._at += found
        return found

    def _peek(self) -> str:
        """Return the next character after white space; empty at the end."""
        while True:
            blank = JSON_WHITE_SPACE.match(self._text, self._at)
            self._at = blank.end() if blank else self._at
            if self._at < len(self._text) or self._ended:
                return self._text[self._at : self._at + 1]
            self._read_on()

    def _read_on(self) -> None:
        """Read more text, at least as much as is buffered."""
        kept = self._text[self._at :]
        chunk = self._source.read(max(JSON_CHUNK, len(kept)))
        self._ended = not chunk
        self._text, self._at = kept + self._decode(chunk, self._ended), 0

    def _fault(self, reason: str) -> ValueError:
        near = self._text[self._at : self._at + 20]
        return ValueError(f"{reason}, at {near!r}" if near else f"{reason}, at the end")


def _unique(members: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(members)
    if len(found) < len(members):
        raise ValueError(f"an object has a member twice: {', '.join(name for name, _ in members)}")
    return found


def _number(text: str) -> float | int:
    """Return an integer if the double is one that JSON keeps, whatever its spelling."""
    value = float(text)
    return int(value) if value.is_integer() and abs(value) < EXACT else value


def _no_number(text: str) -> None:
    raise ValueError(f"{text} is no JSON number")
