"""Properties of a text before it is split into words: blank or not, canonical form, pieces of
bounded size."""

import re
import unicodedata
from collections.abc import Iterator

WHITE_SPACE = "\t-\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
"""Characters with the Unicode property White_Space, for a character class."""

CONTROLS = "\x00-\x1f\x7f-\x9f"
IGNORABLE = (
    "\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f"
    "\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\U000e0000-\U000e0fff"
)
"""Default_Ignorable_Code_Point of Unicode 17.0 (DerivedCoreProperties.txt): fillers, variation
selectors, directional marks, joiners, soft hyphen, tags."""
EMPTY_SHAPES = "\u2800\ufff9-\ufffb\U00013430-\U0001343f\U00016fe4\U0001d159"
"""Invisible characters without that property: the blank Braille pattern, annotation and hieroglyph
controls, the Khitan filler, the null notehead."""
BLANK = f"{CONTROLS}{WHITE_SPACE}{IGNORABLE}{EMPTY_SHAPES}"
"""Invisible characters, for a character class. Visible format characters, such as the Arabic number
sign U+0600, and combining marks are not included."""

TEXT_PIECE = 1_024
"""Characters that one call into C normalises or searches, as it holds the interpreter lock."""
SEAM = 256
"""Characters at the end of a piece that are searched for a gap between words."""

_DRAWN = re.compile(f"[^{BLANK}]")

NON_STARTERS = "".join(
    character
    for character in map(chr, range(0x300, 0x1F000))
    if unicodedata.combining(unicodedata.normalize("NFKD", character)[0])
)
_CROWDED = re.compile(f"[{NON_STARTERS}]{{31}}")
LONG_RUN = re.compile(f"([{NON_STARTERS}]{{30}})(?=[{NON_STARTERS}])")
"""A run of marks whose canonical ordering would take quadratic time."""


def is_blank(text: str) -> bool:
    """Whether a text is empty or has only characters of BLANK."""
    return _DRAWN.search(text) is None


def normalised(text: str) -> str:
    """Return NFC in linear time; a text with a run of more than 30 marks is returned unchanged."""
    if text.isascii() or unicodedata.is_normalized("NFC", text) or _CROWDED.search(text):
        return text
    return unicodedata.normalize("NFC", text)


def pieces(text: str, size: int = TEXT_PIECE) -> Iterator[str]:
    """Yield the text in pieces of at most `size` characters that end between words.

    A word longer than SEAM may be cut.
    """
    start = 0
    while len(text) - start > size:
        end = _gap(text, start + size, max(start, start + size - SEAM))
        yield text[start:end]
        start = end
    yield text[start:] if start else text


def _gap(text: str, end: int, first: int) -> int:
    """Return the last place up to `end` and after `first` that does not follow a part of a word,
    else `end`."""
    for place in range(end, first, -1):
        if not _joins(text[place - 1]):
            return place
    return end


def _joins(character: str) -> bool:
    """Whether the character may be part of a word, or combine with one."""
    return character.isalnum() or unicodedata.category(character)[0] in "MLCS" or character == "_"
