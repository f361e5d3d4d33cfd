"""What Python takes for the parts of a session that are no arrays, in bytes."""

from sys import getsizeof

MEMORY_BYTES = 290
"""The content of a memory but for its texts: the object, its digests, its numbers."""
SESSION_BYTES = 10_000
"""Histories, levels, locks and the objects around them, whatever was learnt."""


def text_bytes(text: str | None) -> int:
    """A string, and where it is not ASCII the UTF-8 that CPython keeps beside it once asked.

    A new string has none yet, so that the same text always counts alike.
    """
    if text is None:
        return 0
    return getsizeof(text) if text.isascii() else getsizeof(text + " ") + len(text.encode())
