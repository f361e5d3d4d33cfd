"""One page of a list and the way on."""

import base64
from contextlib import suppress
from dataclasses import dataclass
from typing import Generic, TypeVar

from semvec.errors import Malformed

Item = TypeVar("Item")
LARGEST = 2**63 - 1
"""What a database takes for an integer."""


@dataclass(frozen=True, slots=True)
class Page(Generic[Item]):
    """`next_cursor` is opaque and None on the last page; `total` counts all items of the list."""

    items: list[Item]
    next_cursor: str | None
    total: int


@dataclass(frozen=True, slots=True)
class Excerpt(Generic[Item]):
    """One page of a list that stands inside of a body."""

    body: Item
    next_cursor: str | None
    total: int


def cursor_of(position: int) -> str:
    return base64.urlsafe_b64encode(position.to_bytes(8, "big")).decode().rstrip("=")


def position_of(cursor: str) -> int:
    """Raises Malformed for what `cursor_of` never gave."""
    with suppress(ValueError, OverflowError):
        position = int.from_bytes(base64.urlsafe_b64decode(f"{cursor}="), "big")
        if position <= LARGEST and cursor_of(position) == cursor:
            return position
    raise Malformed("cursor is not one that this server gave")
