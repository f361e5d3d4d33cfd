"""Names in the path of a URL, and what normalising does to them."""

import re

SLASH = re.compile(r"[/\\]")

REWRITTEN = (
    "holds '.', '..' or nothing between slashes, which proxies and clients take out of a URL"
)


def is_rewritten(name: str) -> bool:
    """Whether a URL with this name in its path becomes another where somebody normalises it.

    Proxies and HTTP clients drop `.`, resolve `..` and merge slashes, some of them also in their
    percent-encoded form, and some take a backslash for a slash.
    """
    return any(part in ("", ".", "..") for part in SLASH.split(name))
