"""A name for every request, so that an answer can be found in the log."""

import re
import secrets

from multidict import MultiMapping, istr

HEADER = istr("X-Request-ID")
SANE = re.compile(r"[A-Za-z0-9._-]{1,128}")

DIGITS = 16
AT_ONCE = 256
"""Ids that are drawn together: the system is asked for randomness once for all of them."""

_drawn: list[str] = []


def request_id_of(headers: MultiMapping[str]) -> str:
    """The caller's id where it is sane, a new one otherwise."""
    sent = headers.get(HEADER)
    if sent is not None and SANE.fullmatch(sent):
        return sent
    return _drawn.pop() if _drawn else new_request_id()


def new_request_id() -> str:
    if not _drawn:
        text = secrets.token_hex(AT_ONCE * DIGITS // 2)
        _drawn.extend(text[at : at + DIGITS] for at in range(0, len(text), DIGITS))
    return _drawn.pop()
