"""Verification of licence tokens."""

import logging
import re
import time
from collections import OrderedDict
from collections.abc import Sequence
from typing import NamedTuple

from jwt import InvalidSignatureError, PyJWS, PyJWTError
from pydantic import ValidationError

from semvec.clock import Clock
from semvec.errors import LicenseExpired, Unauthorized
from semvec.licensing.keys import PublicKey, public_keys
from semvec.licensing.revocations import Revocations
from semvec.licensing.token import ALGORITHM, Caller, Header, TokenClaims, segment
from semvec.settings import Settings, SettingsError

MAX_TOKEN_CHARS = 4096
CLOCK_SKEW_S = 60.0
"""Seconds by which an issuer's clock may be ahead of this server's; not applied to `exp`."""

JWS = re.compile(r"[\w-]+\.[\w-]+\.[\w-]+", re.ASCII)

log = logging.getLogger(__name__)


class Checked(NamedTuple):
    caller: Caller
    expires_at: float
    jti: str | None


class Verifier:
    """Verify the signature and claims of tokens.

    The result is cached for the most recent tokens until they expire; revocation is checked every
    time.
    """

    def __init__(
        self,
        keys: Sequence[PublicKey],
        *,
        renewal_url: str,
        revoked: Revocations | None = None,
        clock: Clock = time.time,
        capacity: int = 4096,
    ) -> None:
        self._keys = keys
        self._revoked = Revocations() if revoked is None else revoked
        self._signatures = PyJWS([ALGORITHM])
        self._renewal_url = renewal_url
        self._clock = clock
        self._capacity = capacity
        self._checked: OrderedDict[str, Checked] = OrderedDict()

    def verify(self, token: str) -> Caller:
        """Return the caller that a token names.

        Raise Unauthorized, or LicenseExpired if the token is valid except for its expiry.
        """
        if len(token) > MAX_TOKEN_CHARS or not token.isascii():
            raise _invalid("not a signed token")
        if (known := self.known(token)) is not None:
            return known
        if not JWS.fullmatch(token):
            raise _invalid("not a signed token")
        claims = self._signed_claims(token)
        self._check_times(claims)
        self._check_revocation(claims.jti)
        caller = Caller(claims.sub, claims.tier)
        self._remember(token, Checked(caller, claims.exp, claims.jti))
        return caller

    def known(self, token: str) -> Caller | None:
        """Return the caller of a token that was verified before and is still valid; a cheap
        lookup."""
        found = self._checked.get(token)
        if found is None:
            return None
        if found.expires_at <= self._clock() or found.jti in self._revoked.ids:
            del self._checked[token]
            return None
        self._checked.move_to_end(token)
        return found.caller

    def _signed_claims(self, token: str) -> TokenClaims:
        try:
            header = Header.model_validate(segment(token, 0))
            self._check_signature(token, header.kid)
            return TokenClaims.model_validate(segment(token, 1))
        except ValidationError as error:
            raise _invalid(_reason(error)) from None
        except ValueError:
            raise _invalid("malformed token") from None

    def _check_signature(self, token: str, kid: str | None) -> None:
        for key in self._candidates(kid):
            try:
                self._signatures.decode_complete(token, key.key, [ALGORITHM])
            except InvalidSignatureError:
                continue
            except PyJWTError:
                raise _invalid("malformed token") from None
            return
        raise _invalid("signed by no key known here")

    def _candidates(self, kid: str | None) -> list[PublicKey]:
        """Return the keys that may have signed a token: those with its kid, and those without
        one."""
        return [key for key in self._keys if kid is None or key.kid in (kid, None)]

    def _check_times(self, claims: TokenClaims) -> None:
        now = self._clock()
        if claims.iat > now + CLOCK_SKEW_S:
            raise _invalid("issued in the future")
        if claims.nbf is not None and claims.nbf > now + CLOCK_SKEW_S:
            raise _invalid("not valid yet")
        if claims.exp <= now:
            raise LicenseExpired(f"License expired; renew it at {self._renewal_url}")

    def _check_revocation(self, jti: str | None) -> None:
        if jti in self._revoked.ids:
            raise _invalid("revoked")

    def _remember(self, token: str, checked: Checked) -> None:
        self._checked[token] = checked
        self._checked.move_to_end(token)
        if len(self._checked) > self._capacity:
            self._checked.popitem(last=False)


def open_verifier(
    settings: Settings, clock: Clock = time.time, revoked: Revocations | None = None
) -> Verifier | None:
    """Create the configured verifier; None if every caller is anonymous.

    Raise SettingsError if neither a key nor anonymous mode is configured, or if a key or the
    server's own licence is invalid.
    """
    verifier = build_verifier(settings, clock, revoked)
    if verifier is None:
        if not settings.allow_anonymous:
            raise SettingsError(
                "nobody could use this server: set SEMVEC_LICENSE_PUBLIC_KEY to the key that "
                "licence tokens are checked with (semvec license keygen makes one), or "
                "SEMVEC_ALLOW_ANONYMOUS=1 for development"
            )
        if settings.license_key:
            log.warning("SEMVEC_LICENSE_KEY goes unchecked: SEMVEC_LICENSE_PUBLIC_KEY is not set")
    elif settings.license_key:
        _say_tier(verifier, settings.license_key)
    return verifier


def build_verifier(
    settings: Settings, clock: Clock = time.time, revoked: Revocations | None = None
) -> Verifier | None:
    """Create a verifier; None without a public key. Raise SettingsError for an unusable key."""
    if settings.license_public_key is None:
        return None
    try:
        keys = public_keys(settings.license_public_key)
    except OSError as error:
        reason = f"cannot read {error.filename}: {error.strerror}"
        raise SettingsError(f"SEMVEC_LICENSE_PUBLIC_KEY: {reason}") from None
    except ValueError as error:
        raise SettingsError(f"SEMVEC_LICENSE_PUBLIC_KEY: {error}") from None
    return Verifier(keys, renewal_url=settings.renewal_url, revoked=revoked, clock=clock)


def _say_tier(verifier: Verifier, license_key: str) -> None:
    try:
        caller = verifier.verify(license_key)
    except (Unauthorized, LicenseExpired) as error:
        raise SettingsError(f"SEMVEC_LICENSE_KEY: {error.detail}") from None
    log.info("licensed to %s, tier %s", caller.subject, caller.tier)


def _reason(error: ValidationError) -> str:
    fault = error.errors(include_url=False, include_input=False)[0]
    name = fault["loc"][0] if fault["loc"] else None
    # An unknown name comes from the caller and is not quoted.
    if name not in Header.model_fields | TokenClaims.model_fields:
        return "header says more than alg, typ and kid"
    return f"{name}: {fault['msg']}"


def _invalid(reason: str) -> Unauthorized:
    return Unauthorized(f"Invalid license: {reason}")
