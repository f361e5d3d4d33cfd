"""What of an endpoint's error may be written to the log: never a client's text, never the key."""

import json
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

from semvec.texts import LONG_RUN, pieces
from semvec.words import listed

LONGEST = 240
"""Characters of an excerpt."""
MESSAGE_KEYS = ("error", "message", "detail", "msg", "errors")
WORD = re.compile(r"[A-Za-z0-9]+")
ESCAPE = re.compile(r"\\+(u[0-9a-fA-F]{4}|x[0-9a-fA-F]{2}|[abfnrtv0])|%[0-9a-fA-F]{2}|&#?\w+;")
"""Characters as JSON, Python, URLs and HTML spell them: they would join with a word."""
LETTER_RUN = 4
"""Letters in a row that a word must share with a text to be hidden."""
DIGIT_RUN = 2
"""The same for a word with a digit in it."""
SHORT_WORDS = listed("an as at be by do if in is it no of on or so to up")
"""Words of fewer than three letters that are shown: initials and codes look like any other."""
READABLE = re.compile(
    r"[A-Z]+|(?:[A-Z]{1,4}(?=[A-Z][a-z]{2}))?[A-Z]?[a-z]+(?:[A-Z][a-z]{2,})*"
    r"|[0-9]+|[A-Za-z]{1,8}[0-9]{1,2}"
)
"""Words, names of exceptions, numbers, short versions; not a text in Base64 or in hex digits."""
HIDDEN = "…"


def excerpt(body: bytes, secrets: Iterable[str]) -> str:
    """The message of an error, in one line of ASCII, without a word of `secrets`.

    Texts and message are compared without accents, case, spaces and punctuation, so that a
    number in other groups and an escaped word are found too. Hidden are: a word that shares
    LETTER_RUN letters or DIGIT_RUN characters of a number with one of `secrets`; a shorter word
    outside SHORT_WORDS; and what is not READABLE. Takes a tenth of a second per million characters.
    """
    message = " ".join(ESCAPE.sub("?", _message(body)).split())[:LONGEST]
    plain = message.encode("ascii", "replace").decode().replace("\x00", "?")
    known = [_Secret.of(secret) for secret in secrets if secret]

    def hide(match: re.Match[str]) -> str:
        word = match[0]
        shown = READABLE.fullmatch(word) and not any(each.holds(word.lower()) for each in known)
        return word if shown and (len(word) > 2 or _harmless(word)) else HIDDEN

    return WORD.sub(hide, plain)


def _harmless(word: str) -> bool:
    """Whether a word of one or two characters may be shown; a number is compared instead."""
    return word in SHORT_WORDS or word.isdigit()


@dataclass(frozen=True, slots=True)
class _Secret:
    """A text in lower-case letters and digits: its words with spaces around, and joined."""

    words: str
    joined: str

    @classmethod
    def of(cls, text: str) -> "_Secret":
        found = " ".join(" ".join(WORD.findall(_plain(piece))) for piece in pieces(text))
        return cls(f" {found} ", found.replace(" ", ""))

    def holds(self, word: str) -> bool:
        """Whether a lower-case word, or a run of its characters, occurs in the text."""
        numeric = not word.isalpha()
        if len(word) < 3 and not numeric:
            return f" {word} " in self.words
        run = DIGIT_RUN if numeric else LETTER_RUN
        runs = (word[i : i + run] for i in range(max(1, len(word) - run + 1)))
        return any(each in self.joined for each in runs)


def _plain(piece: str) -> str:
    """Lower case without accents, digits of all scripts as ASCII digits."""
    if piece.isascii():
        return piece.lower()
    parted = unicodedata.normalize("NFKD", LONG_RUN.sub("\\1\u034f", piece)).casefold()
    return "".join(
        str(unicodedata.decimal(each)) if each.isdecimal() else each
        for each in parted
        if not unicodedata.combining(each)
    )


def _message(body: bytes) -> str:
    """The innermost message of a JSON error, else the body as it is."""
    text = body.decode("utf-8", "replace")
    try:
        found: object = json.loads(text)
    except (ValueError, RecursionError):
        return text
    for _ in range(4):
        if isinstance(found, list) and found:
            found = found[0]
        elif isinstance(found, dict):
            found = next((found[key] for key in MESSAGE_KEYS if found.get(key)), None)
        else:
            break
    return found if isinstance(found, str) else text
