"""Pages of lists and their cursors."""

import base64
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Generic, TypeVar

from semvec.errors import Malformed

PageItem = TypeVar("PageItem")
PageRow = TypeVar("PageRow")
LARGEST_POSITION = 2**63 - 1
"""The largest integer that a database stores."""


@dataclass(frozen=True, slots=True)
class Page(Generic[PageItem]):
    """One page of a list. `next_cursor` is opaque and None on the last page; `total` counts all
    items of the list."""

    items: list[PageItem]
    next_cursor: str | None
    total: int


@dataclass(frozen=True, slots=True)
class Excerpt(Generic[PageItem]):
    """One page of a list that is part of a body."""

    body: PageItem
    next_cursor: str | None
    total: int


def page_of(
    rows: Sequence[PageRow],
    limit: int,
    item: Callable[[PageRow], PageItem],
    place: Callable[[PageRow], int],
    total: int,
    cursor: Callable[[int], str] = lambda position: cursor_of(position),
) -> Page[PageItem]:
    """Build a page from rows sorted by `place`; `rows` has one more row than the page if there is a
    next page. `cursor` converts a place to a cursor and must be given if places are not the owner's
    own."""
    following = cursor(place(rows[limit - 1])) if len(rows) > limit else None
    return Page([item(row) for row in rows[:limit]], following, total)


def cursor_of(position: int) -> str:
    return base64.urlsafe_b64encode(position.to_bytes(8, "big")).decode().rstrip("=")


def position_of(cursor: str) -> int:
    """Return the position in a cursor. Raise Malformed for one that `cursor_of` did not return."""
    with suppress(ValueError, OverflowError):
        position = int.from_bytes(base64.urlsafe_b64decode(f"{cursor}="), "big")
        if position <= LARGEST_POSITION and cursor_of(position) == cursor:
            return position
    raise Malformed("cursor is not one that this server gave")
