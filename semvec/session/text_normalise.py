"""Which texts reinforce an older memory instead of adding one: docs/text.md.

Texts have one folding where they are equal after NFC, folding of white space and dropping of
closing marks. Nothing else is folded: a superscript, a sign, a unit, the case inside a word and
what is drawn as nothing are part of what was said.
"""

import re
from functools import cached_property
from hashlib import blake2b, sha256

from semvec.texts import WHITE_SPACE, normalised, pieces

CLOSING_MARKS = ".!?…"
RULE = b"\x02"
"""The first byte of a digest by the rule of this module. Release 1.0 folded case and punctuation
too; its digests have 16 bytes and no such byte, so that they equal none of these."""
DIGEST_BYTES = 17
FORMER_BYTES = 16
SHORT_TEXT = 4_000
"""Characters of a text that is digested in a fraction of a millisecond."""

_SPACES = re.compile(f"[{WHITE_SPACE}]+")


def normalised_text(text: str) -> str:
    """NFC, single spaces between words, no closing marks at the end unless all are."""
    plain = _spaced(text)
    return plain.rstrip(f"{CLOSING_MARKS} ") or plain


def normalised_digest(text: str) -> bytes:
    """DIGEST_BYTES that are equal for texts with one folding, and for no others."""
    return RULE + blake2b(normalised_text(text).encode(), digest_size=DIGEST_BYTES - 1).digest()


def fold_of(fold: bytes, text: str) -> bytes:
    """The digest kept for a text, or one by today's rule where it was kept by the former one."""
    return fold if len(fold) == DIGEST_BYTES else normalised_digest(text)


def content_hash(text: str) -> str:
    """32 hex digits (128 bits) of SHA-256 over the UTF-8 text."""
    return sha256(text.encode()).hexdigest()[:32]


class Digests:
    """The digests of a text, each computed once, when it is first asked for.

    Those of a text that is not `short` are asked for on a thread first.
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
    """NFC with single spaces; a text of many pieces takes one short call into C for each."""
    found: list[str] = []
    for piece in pieces(text):
        spaced = _SPACES.sub(" ", normalised(piece))
        if found and found[-1].endswith(" "):
            spaced = spaced.removeprefix(" ")
        if spaced:
            found.append(spaced)
    return "".join(found).strip(" ")
