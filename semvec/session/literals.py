"""The literal cache: verbatim values by key, found by their words."""

import re
from collections.abc import Collection, Iterator
from heapq import nsmallest
from itertools import chain

import msgspec

from semvec.session.events import Entity, Use
from semvec.words import (
    ASCII_WORD,
    INDEXED,
    MARKS,
    UNSPACED,
    UNSPACED_RUN,
    expanded,
)

ENTRY_BYTES = 300
"""Approximate bytes of an entity without its texts; its words take as much again as its texts."""

CASED = [chr(code) for code in range(0x2000) if chr(code).isalpha()]
CAPITAL = "".join(letter for letter in CASED if letter.isupper())
LOWER = "".join(letter for letter in CASED if letter.islower())
CASE_CHANGE = re.compile(
    rf"(?<=[{LOWER}\d])(?=[{CAPITAL}])|(?<=[{CAPITAL}])(?=[{CAPITAL}][{LOWER}])"
)
IDENTIFIER_WORD = re.compile(rf"(?:[^\W_]|[{MARKS}{UNSPACED}])+")


class LiteralEntry(msgspec.Struct, gc=False):
    """An entity, the number of times it was found, and, from the first search on, its words, each
    after a space."""

    entity: Entity
    uses: int
    words: str | None = None

    def has(self, needle: str) -> bool:
        if self.words is None:
            text = f"{self.entity.key}\n{self.entity.context}\n{self.entity.value}"
            self.words = "".join(f" {word}" for word in identifiers(text))
        return needle in self.words


class Literals:
    """Entities in the order in which they were stored, each key once.

    Words are split at the first search, so that storing and loading stay fast.
    """

    def __init__(self) -> None:
        self._entries: dict[str, LiteralEntry] = {}
        self._key_of: dict[int, str] = {}
        self.text_bytes = 0
        self.nbytes = 0

    def __len__(self) -> int:
        return len(self._entries)

    def __reversed__(self) -> Iterator[Entity]:
        return (entry.entity for entry in reversed(self._entries.values()))

    @property
    def ids(self) -> Collection[int]:
        return self._key_of.keys()

    @property
    def entries(self) -> Collection[LiteralEntry]:
        return self._entries.values()

    def get(self, key: str) -> Entity | None:
        entry = self._entries.get(key)
        return None if entry is None else entry.entity

    def put(self, entity: Entity, uses: int = 0) -> None:
        """Store an entity. It replaces one of the same key and keeps its uses."""
        if (older := self._entries.get(entity.key)) is not None:
            uses = older.uses
            self.discard(older.entity.id)
        entry = self._entries[entity.key] = LiteralEntry(entity, uses)
        self._key_of[entity.id] = entity.key
        self._count(entry, 1)

    def discard(self, entity_id: int) -> None:
        if (key := self._key_of.pop(entity_id, None)) is not None:
            self._count(self._entries.pop(key), -1)

    def use(self, use: Use) -> None:
        """Count uses; those of a removed entity are ignored."""
        if (key := self._key_of.get(use.id)) is not None:
            self._entries[key].uses += use.count

    def search(self, q: str, limit: int) -> tuple[list[LiteralEntry], int]:
        """Return at most `limit` of the entities that have, for every word of `q`, a word that
        begins with it, and the number of all of them. The order is by importance, uses and age."""
        asked = chain.from_iterable(map(parts, expanded(q, INDEXED)))
        distinct = dict.fromkeys(asked)
        needles = [word if UNSPACED_RUN.search(word) else f" {word}" for word in distinct]
        found: list[LiteralEntry] = list(self._entries.values())
        for needle in needles:
            found = [entry for entry in found if entry.has(needle)]
        return nsmallest(limit, found, key=standing), len(found)

    def _count(self, entry: LiteralEntry, sign: int) -> None:
        text = text_size(entry.entity)
        self.text_bytes += sign * text
        self.nbytes += sign * (ENTRY_BYTES + 2 * text)


def text_size(entity: Entity) -> int:
    """Bytes of key, value and context."""
    return sum(len(text.encode()) for text in (entity.key, entity.value, entity.context))


def standing(entry: LiteralEntry) -> tuple[float, int, int]:
    """Return the sort key; the best entity has the smallest."""
    return -entry.entity.importance, -entry.uses, -entry.entity.id


def identifiers(text: str) -> list[str]:
    """Return the distinct words of a text for the search: each complete and in its parts."""
    found: dict[str, None] = {}
    for plain in expanded(text[:INDEXED], INDEXED):
        found |= dict.fromkeys(chain(wording(plain), parts(plain)))
    return list(found)


def parts(plain: str) -> list[str]:
    """Split composed text into words, also where the case changes: `maxRetries` is max and retries,
    `HTTPServer` http and server."""
    return wording(CASE_CHANGE.sub(" ", plain))


def wording(plain: str) -> list[str]:
    """Return the runs of letters and digits of composed text, in order, case-folded."""
    return (ASCII_WORD if plain.isascii() else IDENTIFIER_WORD).findall(plain.casefold())
