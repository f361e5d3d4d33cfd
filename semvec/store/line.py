"""The line of a session: a digest of the events that led to its head.

A number alone does not identify them: a database restored from a backup, or failed over to a
standby that lacked some commits, gives the same numbers to other events.
"""

from collections.abc import Iterable
from hashlib import blake2b

LINE_BYTES = 16


def line_after(line: bytes | None, events: Iterable[bytes]) -> bytes | None:
    """Return the line of a head with this `line` after `events`.

    None stands for the events that a release without lines has written.
    """
    for event in events:
        line = blake2b(event, key=line or b"", digest_size=LINE_BYTES).digest()
    return line
