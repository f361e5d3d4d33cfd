"""What of an endpoint's error may be written to the log: never a client's text, never the key."""

import json
import re
from collections.abc import Iterable

LONGEST = 240
"""Characters of an excerpt."""
MESSAGE_KEYS = ("error", "message", "detail", "msg", "errors")
QUOTED_WORD = re.compile(r"\w+", re.ASCII)
ESCAPE = re.compile(r"\\+(u[0-9a-fA-F]{4}|x[0-9a-fA-F]{2}|[abfnrtv0])|%[0-9a-fA-F]{2}|&#?\w+;")
"""Characters as JSON, Python, URLs and HTML spell them: they would join with a word."""
RUN = 4
HIDDEN = "…"


def excerpt(body: bytes, secrets: Iterable[str]) -> str:
    """The message of an error, in one line of ASCII.

    A word of three or more letters or digits is hidden if it, or any four characters of it in a
    row, occur in one of `secrets`: also where the endpoint quotes only a part, or escapes it. Takes
    some milliseconds where a secret is very long.
    """
    message = " ".join(ESCAPE.sub("?", _message(body)).split())[:LONGEST]
    plain = message.encode("ascii", "replace").decode().replace("\x00", "?")
    folded = [secret.casefold() for secret in secrets if secret]

    def hide(match: re.Match[str]) -> str:
        word = match[0].casefold()
        runs = [word[i : i + RUN] for i in range(max(1, len(word) - RUN + 1))]
        known = any(run in secret for secret in folded for run in runs)
        return HIDDEN if len(word) >= 3 and known else match[0]

    return QUOTED_WORD.sub(hide, plain)


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
