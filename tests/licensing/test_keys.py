import json
import stat
from base64 import b64encode, urlsafe_b64encode
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from semvec.licensing.keys import private_key, public_keys, write_key_pair
from tests.licensing.test_curve import NOT_CANONICAL, SMALL_ORDER


def jwk(key: Ed25519PrivateKey, **fields: str) -> dict[str, str]:
    x = urlsafe_b64encode(key.public_key().public_bytes_raw()).rstrip(b"=").decode()
    return {"kty": "OKP", "crv": "Ed25519", "x": x, **fields}


def pem(key: Ed25519PrivateKey) -> str:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def test_key_pair_is_written_once_and_the_private_half_is_its_owners(tmp_path: Path) -> None:
    private, public = write_key_pair(tmp_path / "new")
    before = private.read_bytes(), public.read_bytes()
    with pytest.raises(FileExistsError):
        write_key_pair(tmp_path / "new")
    assert stat.S_IMODE(private.stat().st_mode) == 0o600
    assert (private.read_bytes(), public.read_bytes()) == before
    [key] = public_keys(str(public))
    assert key.key == private_key(private).public_key()


@pytest.mark.parametrize("name", ["private.pem", "public.pem"])
def test_key_pair_spares_an_old_file_of_either_name(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("old")
    with pytest.raises(FileExistsError):
        write_key_pair(tmp_path)
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [(name, "old")]


def test_pem_text_may_hold_several_keys_on_one_line() -> None:
    pair = [Ed25519PrivateKey.generate() for _ in range(2)]
    text = "".join(map(pem, pair))
    expected = [key.public_key() for key in pair]
    assert [key.key for key in public_keys(text)] == expected
    assert [key.key for key in public_keys(text.replace("\n", "\\n"))] == expected


def test_jwks_keys_keep_their_names(tmp_path: Path) -> None:
    old, new = (Ed25519PrivateKey.generate() for _ in range(2))
    path = tmp_path / "jwks.json"
    path.write_text(json.dumps({"keys": [jwk(old, kid="old"), jwk(new, kid="new")]}))
    keys = public_keys(str(path))
    assert {key.kid: key.key for key in keys} == {"old": old.public_key(), "new": new.public_key()}


def test_keys_that_may_not_serve_are_refused(tmp_path: Path) -> None:
    key = Ed25519PrivateKey.generate()
    private, _ = write_key_pair(tmp_path / "pair")
    elliptic = generate_private_key(SECP256R1()).public_key()
    d = urlsafe_b64encode(key.private_bytes_raw()).rstrip(b"=").decode()
    contents = {
        "empty": "",
        "a private key": private.read_text(),
        "another curve": elliptic.public_bytes(
            Encoding.PEM, PublicFormat.SubjectPublicKeyInfo
        ).decode(),
        "a broken block": "-----BEGIN PUBLIC KEY-----\nMCow\n-----END PUBLIC KEY-----",
        "no keys": '{"keys": []}',
        "not a set": '{"kty": "OKP"}',
        "not JSON": "{",
        "a symmetric key": '{"keys": [{"kty": "oct", "k": "c2VjcmV0"}]}',
        "a private jwk": json.dumps({"keys": [jwk(key, d=d)]}),
        "one name twice": json.dumps({"keys": [jwk(key, kid="a"), jwk(key, kid="a")]}),
        "a nameless name": json.dumps({"keys": [{**jwk(key), "kid": 7}]}),
    }
    for content in contents.values():
        path = tmp_path / "keys"
        path.write_text(content)
        with pytest.raises(ValueError, match=r"hold|is "):
            public_keys(str(path))


def test_private_key_has_to_be_an_ed25519_one(tmp_path: Path) -> None:
    _, public = write_key_pair(tmp_path)
    with pytest.raises(ValueError, match="not an unencrypted PEM private key"):
        private_key(public)


@pytest.mark.parametrize("encoding", [*SMALL_ORDER.values(), *NOT_CANONICAL.values(), "02" * 32])
@pytest.mark.parametrize("form", ["pem", "jwks"])
def test_a_key_that_anybody_could_sign_for_is_refused(
    tmp_path: Path, encoding: str, form: str
) -> None:
    raw = bytes.fromhex(encoding)
    path = tmp_path / "key"
    if form == "jwks":
        x = urlsafe_b64encode(raw).rstrip(b"=").decode()
        path.write_text(json.dumps({"keys": [{"kty": "OKP", "crv": "Ed25519", "x": x}]}))
    else:
        der = bytes.fromhex("302a300506032b6570032100") + raw
        path.write_text(
            f"-----BEGIN PUBLIC KEY-----\n{b64encode(der).decode()}\n-----END PUBLIC KEY-----\n"
        )
    with pytest.raises(ValueError, match=r"holds an Ed25519 key (of small order|that is not)"):
        public_keys(str(path))
