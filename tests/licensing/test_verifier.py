import logging
from collections.abc import Iterable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from semvec.errors import LicenseExpired, Unauthorized
from semvec.licensing.keys import PublicKey, private_key, write_key_pair
from semvec.licensing.revocations import Revocations
from semvec.licensing.token import Caller, LicenseTier, TokenClaims, sign
from semvec.licensing.verifier import CLOCK_SKEW_S, Verifier, open_verifier
from semvec.settings import Settings, SettingsError

NOW = 1_800_000_000.0


class Time:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now


def claims(
    sub: str = "acme", tier: LicenseTier = "pro", *, iat: float = NOW, lasts: float = 60
) -> TokenClaims:
    return TokenClaims(sub=sub, tier=tier, iat=iat, exp=iat + lasts)


def verifier(keys: Iterable[PublicKey], time: Time, capacity: int = 8) -> Verifier:
    return Verifier(list(keys), renewal_url="https://renew.example", clock=time, capacity=capacity)


def test_a_signed_token_names_its_caller() -> None:
    key = Ed25519PrivateKey.generate()
    checked = verifier([PublicKey(None, key.public_key())], Time())
    assert checked.verify(sign(claims(tier="enterprise"), key)) == Caller("acme", "enterprise")


def test_the_cache_does_not_outlive_the_token() -> None:
    key, time = Ed25519PrivateKey.generate(), Time()
    checked = verifier([PublicKey(None, key.public_key())], time)
    token = sign(claims(lasts=60), key)
    assert not checked.known(token)
    assert checked.verify(token) == checked.verify(token)
    time.now += 59.999
    assert checked.known(token)
    checked.verify(token)
    time.now += 0.001
    assert not checked.known(token)
    with pytest.raises(LicenseExpired, match=r"https://renew\.example"):
        checked.verify(token)


def test_a_token_is_checked_once_while_it_is_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    key = Ed25519PrivateKey.generate()
    checked = verifier([PublicKey(None, key.public_key())], Time(), capacity=2)
    first, second, third = (sign(claims(name), key) for name in ("a", "b", "c"))
    for token in (first, second, first, third):
        checked.verify(token)
    # The keys are gone: what still verifies was remembered.
    monkeypatch.setattr(checked, "_keys", [])
    assert checked.verify(first).subject == "a"
    assert checked.verify(third).subject == "c"
    with pytest.raises(Unauthorized):
        checked.verify(second)


def test_keys_rotate_by_name() -> None:
    old, new = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
    before = verifier([PublicKey("old", old.public_key())], Time())
    between = verifier(
        [PublicKey("old", old.public_key()), PublicKey("new", new.public_key())], Time()
    )
    after = verifier([PublicKey("new", new.public_key())], Time())
    token_of_old, token_of_new = sign(claims(), old, "old"), sign(claims(), new, "new")
    for checked, accepted, refused in (
        (before, [token_of_old], [token_of_new]),
        (between, [token_of_old, token_of_new], [sign(claims(), new, "old")]),
        (after, [token_of_new], [token_of_old]),
    ):
        for token in accepted:
            assert checked.verify(token).subject == "acme"
        for token in refused:
            with pytest.raises(Unauthorized):
                checked.verify(token)


def test_keys_without_a_name_are_tried_in_turn() -> None:
    keys = [Ed25519PrivateKey.generate() for _ in range(3)]
    checked = verifier([PublicKey(None, key.public_key()) for key in keys], Time())
    for key in keys:
        assert checked.verify(sign(claims(), key)).subject == "acme"
        assert checked.verify(sign(claims(), key, "any")).subject == "acme"


def test_an_issuers_clock_may_run_a_little_ahead() -> None:
    key = Ed25519PrivateKey.generate()
    checked = verifier([PublicKey(None, key.public_key())], Time())
    assert checked.verify(sign(claims(iat=NOW + CLOCK_SKEW_S), key)).subject == "acme"
    with pytest.raises(Unauthorized, match="future"):
        checked.verify(sign(claims(iat=NOW + CLOCK_SKEW_S + 1), key))


def test_expiry_is_told_only_to_holders_of_a_genuine_token() -> None:
    key, other = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
    checked = verifier([PublicKey(None, key.public_key())], Time())
    with pytest.raises(LicenseExpired):
        checked.verify(sign(claims(iat=NOW - 120), key))
    with pytest.raises(Unauthorized):
        checked.verify(sign(claims(iat=NOW - 120), other))


def test_a_server_that_nobody_could_use_does_not_start() -> None:
    with pytest.raises(SettingsError, match=r"SEMVEC_LICENSE_PUBLIC_KEY.*SEMVEC_ALLOW_ANONYMOUS"):
        open_verifier(Settings())
    assert open_verifier(Settings(allow_anonymous=True)) is None


def test_a_bad_public_key_stops_the_start_by_name(tmp_path: Path) -> None:
    for source in (str(tmp_path / "absent.pem"), str(tmp_path), "-----BEGIN NONSENSE"):
        with pytest.raises(SettingsError, match=r"^SEMVEC_LICENSE_PUBLIC_KEY: "):
            open_verifier(Settings(license_public_key=source))


def test_the_servers_own_licence_is_checked_and_its_tier_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    private, public = write_key_pair(tmp_path)
    key = private_key(private)
    token = sign(claims(tier="enterprise"), key)
    with caplog.at_level(logging.DEBUG):
        open_verifier(Settings(license_public_key=str(public), license_key=token), Time())
    assert "tier enterprise" in caplog.text
    assert token not in caplog.text
    for bad in ("nonsense", sign(claims(iat=NOW - 120), key)):
        with pytest.raises(SettingsError, match=r"^SEMVEC_LICENSE_KEY: ") as stop:
            open_verifier(Settings(license_public_key=str(public), license_key=bad), Time())
        assert bad not in str(stop.value)


def test_a_licence_that_nothing_can_check_is_pointed_out(caplog: pytest.LogCaptureFixture) -> None:
    open_verifier(Settings(allow_anonymous=True, license_key="a.b.c"))
    assert "SEMVEC_LICENSE_KEY goes unchecked" in caplog.text
    assert "a.b.c" not in caplog.text


def test_a_revoked_token_is_refused_known_or_not() -> None:
    key, revoked = Ed25519PrivateKey.generate(), Revocations()
    checked = Verifier(
        [PublicKey(None, key.public_key())],
        renewal_url="https://renew.example",
        revoked=revoked,
        clock=Time(),
    )
    tokens = [sign(claims().model_copy(update={"jti": jti}), key) for jti in ("a", "b", None)]
    checked.verify(tokens[0])
    revoked.replace({"a", "b"})
    for token in tokens[:2]:
        assert not checked.known(token)
        with pytest.raises(Unauthorized, match="revoked"):
            checked.verify(token)
    assert checked.verify(tokens[2]).subject == "acme"


def test_a_token_that_is_no_text_is_known_to_nobody() -> None:
    checked = Verifier([], renewal_url="https://renew.example")
    assert not checked.known("a.b.\udcff")
    with pytest.raises(Unauthorized):
        checked.verify("a.b.\udcff")
