"""Licence tokens: claims, header and signing. verifier.py verifies them."""

import json
from dataclasses import dataclass
from typing import Annotated, Literal, cast

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from jwt import PyJWS
from jwt.utils import base64url_decode
from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError

ALGORITHM = "EdDSA"
YEAR_9999 = 253_402_300_799

LicenseTier = Literal["community", "pro", "enterprise"]


@dataclass(frozen=True, slots=True)
class Caller:
    """The authenticated caller: `subject` owns the resources, `tier` selects the rate limit."""

    subject: str
    tier: LicenseTier


ANONYMOUS = Caller("anonymous", "community")


def _subject(text: str) -> str:
    if not text.isprintable() or text != text.strip():
        raise PydanticCustomError("subject", "must be printable text")
    if text == ANONYMOUS.subject:
        raise PydanticCustomError("subject", "is reserved for callers without a token")
    return text


MAX_CLAIM_CHARS = 255
ClaimName = Annotated[str, Field(min_length=1, max_length=MAX_CLAIM_CHARS)]
Time = Annotated[int | float, Field(ge=0, le=YEAR_9999)]


class TokenClaims(BaseModel):
    """Required and optional claims of a token; times are seconds since the epoch.

    A token with an audience is refused, as this server has no audience name.
    """

    model_config = ConfigDict(frozen=True, strict=True)

    sub: Annotated[ClaimName, AfterValidator(_subject)]
    tier: LicenseTier
    exp: Time
    iat: Time
    nbf: Time | None = None
    iss: str | None = None
    jti: ClaimName | None = None
    aud: None = None


class Header(BaseModel):
    """The header fields that a token may have; a header with others (jku, jwk, x5u, crit, …) is
    refused."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    alg: Literal["EdDSA"]
    typ: str | None = None
    kid: ClaimName | None = None


def sign(claims: TokenClaims, key: Ed25519PrivateKey, kid: str | None = None) -> str:
    payload = claims.model_dump_json(exclude_none=True).encode()
    return PyJWS().encode(payload, key, ALGORITHM, {"kid": kid} if kid else None)


def segment(token: str, index: int) -> dict[str, object]:
    """Return the unverified header (0) or claims (1) of a token.

    Raise ValueError unless it is one JSON object without NaN, infinity or a duplicate name.
    """
    parts = token.split(".")
    if len(parts) != 3:
        raise ValueError("not a signed token")
    text = base64url_decode(parts[index])
    try:
        value = json.loads(text, object_pairs_hook=_once_each, parse_constant=_no_constant)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if not isinstance(value, dict):
        raise ValueError("not an object")
    return cast(dict[str, object], value)


def _once_each(pairs: list[tuple[str, object]]) -> dict[str, object]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise ValueError("a name is given twice")
    return fields


def _no_constant(name: str) -> object:
    raise ValueError(f"{name} is not JSON")
