"""Normalisation of texts: equal texts reinforce an older memory instead of adding one. See
docs/text.md.

Texts are equal after NFC, folding of white space and removal of closing marks. Nothing else is
folded: a superscript, a sign, a unit, the case inside a word and invisible characters are part of
the text.
"""

import re
from functools import cached_property
from hashlib import blake2b, sha256

from semvec.texts import WHITE_SPACE, normalised, pieces

CLOSING_MARKS = ".!?…"
RULE = b"\x02"
"""The first byte of a digest by the current rule. Release 1.0 also folded case and punctuation; its
digests have 16 bytes without that byte, so they never equal a current one."""
DIGEST_BYTES = 17
FORMER_BYTES = 16
SHORT_TEXT = 4_000
"""Characters of a text that is digested in a fraction of a millisecond."""

_SPACES = re.compile(f"[{WHITE_SPACE}]+")


def normalised_text(text: str) -> str:
    """Return NFC with single spaces, without closing marks at the end unless the text is nothing
    else."""
    plain = _spaced(text)
    return plain.rstrip(f"{CLOSING_MARKS} ") or plain


def normalised_digest(text: str) -> bytes:
    """Return DIGEST_BYTES that are equal exactly for texts with the same normalised form."""
    return RULE + blake2b(normalised_text(text).encode(), digest_size=DIGEST_BYTES - 1).digest()


def fold_of(fold: bytes, text: str) -> bytes:
    """Return the stored digest, or the current one if the stored one follows the former rule."""
    return fold if len(fold) == DIGEST_BYTES else normalised_digest(text)


def content_hash(text: str) -> str:
    """Return 32 hex digits (128 bits) of SHA-256 over the UTF-8 text."""
    return sha256(text.encode()).hexdigest()[:32]


class Digests:
    """The digests of a text, each computed once, on first use.

    A text that is not `short` should be digested on a thread first.
    """

    def __init__(self, text: str) -> None:
        self._text = text

    @property
    def short(self) -> bool:
        return len(self._text) <= SHORT_TEXT

    @cached_property
    def fold(self) -> bytes:
        return normalised_digest(self._text)

    @cached_property
    def hash(self) -> str:
        return content_hash(self._text)

    def compute(self) -> None:
        assert self.fold
        assert self.hash


def _spaced(text: str) -> str:
    """Return NFC with single spaces. Long texts are processed in pieces, with one short call into C
    for each."""
    found: list[str] = []
    for piece in pieces(text):
        spaced = _SPACES.sub(" ", normalised(piece))
        if found and found[-1].endswith(" "):
            spaced = spaced.removeprefix(" ")
        if spaced:
            found.append(spaced)
    return "".join(found).strip(" ")
