"""Requests that carry an Idempotency-Key: what makes two of them the same."""

import re
from hashlib import sha256

import orjson
from aiohttp import web
from multidict import MultiMapping, istr

from semvec.errors import Fault, Invalid, Malformed

HEADER = istr("Idempotency-Key")
REPLAYED = "Idempotency-Replayed"
QUOTED = re.compile(r'"((?:[!#-\[\]-~]|\\["\\])+)"')
PLAIN = re.compile(r"[!#-~][!-~]*")
LONGEST = 255


def key_of(headers: MultiMapping[str]) -> str | None:
    """The key of a request, quoted or not, if it has one; raises Malformed for what is none."""
    sent = headers.getall(HEADER, ())
    if not sent:
        return None
    if len(sent) > 1:
        raise Malformed(f"there is more than one {HEADER}")
    key = sent[0].strip()
    if quoted := QUOTED.fullmatch(key):
        key = re.sub(r"\\(.)", r"\1", quoted[1])
    elif not PLAIN.fullmatch(key):
        raise Malformed(f"{HEADER} has to be visible ASCII characters, quoted or not")
    if len(key) > LONGEST:
        raise Malformed(f"{HEADER} is longer than {LONGEST} characters")
    return key


def check_no_key(headers: MultiMapping[str]) -> None:
    """Raises Invalid where a key comes with a request that has no use for one."""
    if HEADER in headers:
        raise Invalid(
            Fault(
                loc=["header", "Idempotency-Key"],
                msg="only a POST that changes something takes this header",
                type="header_not_taken",
            )
        )


def scope_of(request: web.Request, subject: str, key: str) -> bytes:
    """What a request with this key is the same as."""
    return sha256(orjson.dumps([subject, request.method, request.path.rstrip("/"), key])).digest()
