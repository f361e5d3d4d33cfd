"""Ed25519 keys in PEM and JWKS files."""

import json
import os
import re
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)
from jwt import PyJWK, PyJWTError

from semvec.licensing.curve import decode, has_small_order

PEM_BLOCK = re.compile(r"-----BEGIN [^-]+-----.+?-----END [^-]+-----", re.DOTALL)


class UnsafeKey(ValueError):
    """A key whose signatures prove nothing."""


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A key that verifies tokens; `kid` is None for a key without a name."""

    kid: str | None
    key: Ed25519PublicKey


def public_keys(source: str) -> list[PublicKey]:
    """Read keys from PEM text, a PEM file (with one or more keys) or a JWKS file.

    Raise ValueError, or OSError if `source` is a path that cannot be read.
    """
    # An environment variable on one line has its line breaks as \n.
    text = source.replace("\\n", "\n") if "-----BEGIN" in source else Path(source).read_text()
    if text.lstrip().startswith("{"):
        return _from_jwks(text)
    keys = [PublicKey(None, _from_pem(block)) for block in PEM_BLOCK.findall(text)]
    if not keys:
        raise ValueError("holds neither a PEM public key nor a JWKS")
    return keys


def private_key(path: Path) -> Ed25519PrivateKey:
    """Read an Ed25519 private key. Raise ValueError, or OSError if the file cannot be read."""
    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise ValueError(f"{path} is not an unencrypted PEM private key") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise ValueError(f"{path} is not an Ed25519 key")
    return key


def write_key_pair(folder: Path) -> tuple[Path, Path]:
    """Write a new private.pem, readable only by its owner, and public.pem.

    Raise FileExistsError if one exists.
    """
    folder.mkdir(parents=True, exist_ok=True)
    private, public = folder / "private.pem", folder / "public.pem"
    if public.exists():
        raise _in_the_way(public)
    key = Ed25519PrivateKey.generate()
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    _write_new(private, secret, 0o600)
    _write_new(
        public,
        key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        0o644,
    )
    return private, public


def _write_new(path: Path, content: bytes, mode: int) -> None:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    except FileExistsError:
        raise _in_the_way(path) from None
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)


def _in_the_way(path: Path) -> FileExistsError:
    return FileExistsError(f"{path} exists, and no key is overwritten: name another folder")


def _from_pem(block: str) -> Ed25519PublicKey:
    if "PRIVATE KEY" in block:
        raise ValueError("holds a private key; give the public one")
    try:
        key = load_pem_public_key(block.encode())
    except (ValueError, UnsupportedAlgorithm):
        raise ValueError("holds a PEM block that is not a public key") from None
    return _ed25519(key)


def _from_jwks(text: str) -> list[PublicKey]:
    try:
        keys = [
            PublicKey(entry.get("kid"), _ed25519(PyJWK(entry).key))
            for entry in json.loads(text)["keys"]
        ]
    except UnsafeKey:
        raise
    except (ValueError, KeyError, TypeError, AttributeError, PyJWTError):
        raise ValueError("is not a JWKS of Ed25519 public keys") from None
    kids = [key.kid for key in keys if key.kid is not None]
    if not all(isinstance(kid, str) for kid in kids) or len(set(kids)) < len(kids):
        raise ValueError("is a JWKS whose keys do not each have a kid of their own")
    if not keys:
        raise ValueError("is a JWKS without keys")
    return keys


def _ed25519(key: object) -> Ed25519PublicKey:
    if not isinstance(key, Ed25519PublicKey):
        raise ValueError("holds a key that is not an Ed25519 public key")
    encoding = key.public_bytes(Encoding.Raw, PublicFormat.Raw)
    try:
        point = decode(encoding)
    except ValueError as error:
        raise UnsafeKey(f"holds an Ed25519 key that is {error}") from None
    if has_small_order(point):
        raise UnsafeKey("holds an Ed25519 key of small order, for which anybody could sign")
    return key
