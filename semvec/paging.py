"""One page of a list and the way on."""

import base64
import binascii
from dataclasses import dataclass
from typing import Generic, TypeVar

from semvec.errors import Malformed

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Page(Generic[Item]):
    """`next_cursor` is opaque and None on the last page; `total` counts all items of the list."""

    items: list[Item]
    next_cursor: str | None
    total: int


def cursor_of(position: int) -> str:
    return base64.urlsafe_b64encode(position.to_bytes(8, "big")).decode().rstrip("=")


def position_of(cursor: str) -> int:
    """Raises Malformed for what `cursor_of` never gave."""
    try:
        data = base64.b64decode(cursor + "=" * (-len(cursor) % 4), b"-_", validate=True)
    except (binascii.Error, ValueError):
        data = b""
    if len(data) != 8:
        raise Malformed("cursor is not one that this server gave")
    return int.from_bytes(data, "big")
