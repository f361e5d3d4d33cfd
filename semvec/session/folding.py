"""Whether two texts say the same in another dress."""

import re
import unicodedata
from hashlib import blake2b

from semvec.words import composed

DRESS = r"!\"'(),.:;?\[\]{}_"
"""ASCII punctuation that can go; `#%&*/@` and the backslash change what is said."""
UNDRESSED = re.compile(rf"[{DRESS}-](?!\d)|(?<!\d)(?:[{DRESS}]|(?<=\S)-)(?=\d)")
"""Signs, decimals and the like stay: a mark before a digit goes only where no digit is before it,
a minus only where anything is."""


def folded(text: str) -> str:
    """The text without what only dresses it: case, white space, punctuation around words."""
    plain = composed(composed(text).casefold())
    bare = UNDRESSED.sub(" ", plain)
    if not bare.isascii():
        bare = bare.translate({ord(mark): " " for mark in set(bare) if _dresses(mark)})
    return " ".join(bare.split() or plain.split())


def fold_digest(text: str) -> bytes:
    """16 bytes that are equal for texts with the same folding."""
    return blake2b(folded(text).encode(), digest_size=16).digest()


def _dresses(character: str) -> bool:
    return not character.isascii() and unicodedata.category(character).startswith("P")
