"""Opaque forms of numbers that all tenants of a database share, so that they reveal nothing of
others."""

import base64
from contextlib import suppress
from hashlib import sha256

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import ECB

from semvec.errors import Malformed

KEY_BYTES = 32
CIPHER_BLOCK = 16
NUMBER_BITS = 52
"""Bits of the results of `number`: integers that every JSON parser reads exactly."""
HALF_BITS = NUMBER_BITS // 2
HALF = (1 << HALF_BITS) - 1
ROUNDS = 6


class Opaque:
    """Encrypts with one key per database, so that all its servers agree, also after a restart."""

    def __init__(self, key: bytes) -> None:
        cipher = Cipher(AES(key), ECB())  # single blocks, each authenticated
        self._encrypt, self._decrypt = cipher.encryptor(), cipher.decryptor()

    def cursor(self, position: int, list: str, owner: str) -> str:
        """Return a cursor of one of the owner's lists; it is not valid for another list."""
        block = self._encrypt.update(position.to_bytes(8, "big") + _tag(list, owner))
        return base64.urlsafe_b64encode(block).decode().rstrip("=")

    def position(self, cursor: str, list: str, owner: str) -> int:
        """Return the position in a cursor. Raise Malformed for one that `cursor` did not return for
        this list."""
        with suppress(ValueError):
            block = base64.urlsafe_b64decode(f"{cursor}==")
            if len(block) == CIPHER_BLOCK:
                plain = self._decrypt.update(block)
                position = int.from_bytes(plain[:8], "big")
                if plain[8:] == _tag(list, owner) and self.cursor(position, list, owner) == cursor:
                    return position
        raise Malformed("cursor is not one that this server gave for this list")

    def number(self, number: int) -> int:
        """Map each number below 2**52 to another one without order, by a Feistel network."""
        left, right = number >> HALF_BITS, number & HALF
        for place in range(ROUNDS):
            left, right = right, left ^ self._mixed(place, right)
        return left << HALF_BITS | right

    def _mixed(self, place: int, half: int) -> int:
        block = bytes([0xFF, place]) + half.to_bytes(CIPHER_BLOCK - 2, "big")
        return int.from_bytes(self._encrypt.update(block), "big") & HALF


def _tag(list: str, owner: str) -> bytes:
    return sha256(f"{list}\0{owner}".encode()).digest()[:8]
