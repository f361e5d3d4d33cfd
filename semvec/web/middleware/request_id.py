"""Request ids, which link an answer to its log lines."""

import os
import re
import secrets

from multidict import MultiMapping, istr

REQUEST_ID_HEADER = istr("X-Request-ID")
SANE = re.compile(r"[A-Za-z0-9._-]{1,128}")

DIGITS = 16
IDS_PER_DRAW = 256
"""Ids generated from one call for system randomness."""

_drawn: list[str] = []


def request_id_of(headers: MultiMapping[str]) -> str:
    """Return the caller's id if it is valid, else a new one."""
    sent = headers.get(REQUEST_ID_HEADER)
    if sent is not None and SANE.fullmatch(sent):
        return sent
    return new_request_id()


def new_request_id() -> str:
    try:
        return _drawn.pop()
    except IndexError:
        text = secrets.token_hex(IDS_PER_DRAW * DIGITS // 2)
        _drawn.extend(text[at : at + DIGITS] for at in range(DIGITS, len(text), DIGITS))
        return text[:DIGITS]


os.register_at_fork(after_in_child=_drawn.clear)  # parent and child must not share ids
