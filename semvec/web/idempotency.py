"""Idempotency-Key: read the key and compute what makes two requests the same."""

import re
from hashlib import sha256

import orjson
from aiohttp import web
from multidict import MultiMapping, istr

from semvec.errors import FieldFault, Invalid, Malformed

IDEMPOTENCY_HEADER = istr("Idempotency-Key")
REPLAYED = "Idempotency-Replayed"
QUOTED = re.compile(r'"((?:[!#-\[\]-~]|\\["\\])+)"')
VISIBLE_ASCII = re.compile(r"[!#-~][!-~]*")
MAX_KEY_CHARS = 255


def key_of(headers: MultiMapping[str]) -> str | None:
    """Return the key of a request, quoted or not, or None. Raise Malformed for an invalid key."""
    sent = headers.getall(IDEMPOTENCY_HEADER, ())
    if not sent:
        return None
    if len(sent) > 1:
        raise Malformed(f"there is more than one {IDEMPOTENCY_HEADER}")
    key = sent[0].strip()
    if quoted := QUOTED.fullmatch(key):
        key = re.sub(r"\\(.)", r"\1", quoted[1])
    elif not VISIBLE_ASCII.fullmatch(key):
        raise Malformed(f"{IDEMPOTENCY_HEADER} has to be visible ASCII characters, quoted or not")
    if len(key) > MAX_KEY_CHARS:
        raise Malformed(f"{IDEMPOTENCY_HEADER} is longer than {MAX_KEY_CHARS} characters")
    return key


def check_no_key(headers: MultiMapping[str]) -> None:
    """Raise Invalid if a request that takes no key has one."""
    if IDEMPOTENCY_HEADER in headers:
        raise Invalid(
            FieldFault(
                loc=["header", "Idempotency-Key"],
                msg="only a POST that changes something takes this header",
                type="header_not_taken",
            )
        )


def scope_of(request: web.Request, subject: str, key: str) -> bytes:
    """Return the digest that identifies the request a key stands for."""
    return sha256(orjson.dumps([subject, request.method, request.path.rstrip("/"), key])).digest()
