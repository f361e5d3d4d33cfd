"""The terms an archived memory is found by."""

from collections.abc import Iterable, Iterator

MAX_CHARS = 128
"""An index entry of PostgreSQL is bounded; what is longer is no word that anyone asks for."""


def indexable(terms: Iterable[str]) -> Iterator[str]:
    """The distinct terms that are both stored and searched."""
    return (term for term in dict.fromkeys(terms) if 0 < len(term) <= MAX_CHARS)
