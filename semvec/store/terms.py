"""The index terms of archived memories."""

from collections.abc import Iterable, Iterator

MAX_CHARS = 128
"""Longest indexed term; PostgreSQL limits index entries, and longer strings are not words that
queries contain."""


def indexable(terms: Iterable[str]) -> Iterator[str]:
    """Yield the distinct terms that are stored and searched."""
    return (term for term in dict.fromkeys(terms) if 0 < len(term) <= MAX_CHARS)
