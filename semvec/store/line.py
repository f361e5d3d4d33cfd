"""The line of a session: a digest that tells which events have led to its head.

A number alone does not tell that: a database that was restored from a backup, or that failed over
to a standby which lacked some commits, numbers other events alike.
"""

from collections.abc import Iterable
from hashlib import blake2b

LINE_BYTES = 16


def line_after(line: bytes | None, events: Iterable[bytes]) -> bytes | None:
    """The line of a head that stood on `line` once `events` have followed.

    None stands for all that happened before heads had lines: a release that kept none wrote it.
    """
    for event in events:
        line = blake2b(event, key=line or b"", digest_size=LINE_BYTES).digest()
    return line
