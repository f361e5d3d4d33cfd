"""Names in the path of a URL, and the effects of path normalisation."""

import re

SLASH = re.compile(r"[/\\]")

REWRITTEN = (
    "holds '.', '..' or nothing between slashes, which proxies and clients take out of a URL"
)


def is_rewritten(name: str) -> bool:
    """Return whether path normalisation changes a URL with this name in its path.

    Proxies and HTTP clients drop `.`, resolve `..` and merge slashes, some also in percent-encoded
    form, and some treat a backslash as a slash.
    """
    return any(part in ("", ".", "..") for part in SLASH.split(name))
