"""Estimated bytes of the parts of a session that are not arrays."""

from sys import getsizeof

MEMORY_BYTES = 290
"""A memory's content without its texts: the object, its digests, its numbers."""
SESSION_BYTES = 10_000
"""Histories, levels, locks and their objects, independent of the memories."""


def text_bytes(text: str | None) -> int:
    """Return the bytes of a string; if it is not ASCII, including the UTF-8 copy that CPython
    caches.

    A new string has no such copy yet; measuring a copy makes equal texts count alike.
    """
    if text is None:
        return 0
    return getsizeof(text) if text.isascii() else getsizeof(text + " ") + len(text.encode())
