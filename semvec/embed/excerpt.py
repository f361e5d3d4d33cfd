"""What of an endpoint's error may be written to the log: never a client's text, never the key."""

import json
import re
from collections.abc import Iterable

LONGEST = 240
"""Characters of an excerpt."""
MESSAGE_KEYS = ("error", "message", "detail", "msg", "errors")
WORD = re.compile(r"\w+", re.ASCII)
HIDDEN = "…"


def excerpt(body: bytes, secrets: Iterable[str]) -> str:
    """The message of an error, in one line of ASCII.

    Every word of three or more letters or digits that occurs in one of `secrets` is hidden, also
    where the endpoint quotes only a part of it. Takes milliseconds where a secret is very long.
    """
    message = " ".join(_message(body).split())[:LONGEST]
    plain = message.encode("ascii", "replace").decode().replace("\x00", "?")
    folded = [secret.casefold() for secret in secrets if secret]

    def hide(match: re.Match[str]) -> str:
        word = match[0].casefold()
        known = len(word) >= 3 and any(word in secret for secret in folded)
        return HIDDEN if known else match[0]

    return WORD.sub(hide, plain)


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
