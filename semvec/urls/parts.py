"""Split URLs with credentials, with error messages that show none of their contents.

A password that is not percent-encoded can end up in any part of its URL: the host, the port, the
path, the name of an option. So no message of this module repeats any part of the URL.
"""

import re
from dataclasses import dataclass, field
from urllib.parse import unquote

ENCODING = (
    "in a user name or a password, @ is written %40, : %3A, / %2F, ? %3F, # %23, % %25 and a "
    "blank %20"
)
SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.\-_:]*?)://(.*)", re.DOTALL)
NO_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
CONTROL = re.compile(r"[\x00-\x1f\x7f]")
BRACKETED = re.compile(r"\[([^\[\]]*)\](?::(.*))?")
LARGEST_PORT = 65535


@dataclass(frozen=True, slots=True)
class HostAddress:
    """A host's name or address, or the directory of a socket; `port` is None for the default."""

    name: str
    port: int | None = None

    def __str__(self) -> str:
        name = f"[{self.name}]" if ":" in self.name else self.name
        return name if self.port is None else f"{name}:{self.port}"


@dataclass(frozen=True, slots=True)
class UrlParts:
    """The parts of a URL: user and password decoded, `hosts`, `path` and `query` as written."""

    scheme: str
    user: str | None
    password: str | None = field(repr=False)
    hosts: str
    path: str
    query: str


def split_scheme(url: str) -> tuple[str, str]:
    """Return the scheme in lower case and the rest after `://`. Raise ValueError."""
    if url[:1] in ("'", '"'):
        raise ValueError("begins with a quotation mark, which is part of the value: leave it out")
    match = SCHEME.fullmatch(url)
    if match is None:
        raise ValueError("is not a URL")
    return match[1].lower(), match[2]


def split_url(url: str) -> UrlParts:
    """Split the URL of a server that needs a login. Raise ValueError, which shows no part of the
    URL."""
    scheme, rest = split_scheme(url)
    if CONTROL.search(rest):
        raise ValueError("holds a line break or another control character")
    if "#" in rest or NO_ESCAPE.search(rest):
        raise ValueError(f"holds a # or a % that is not percent-encoded: {ENCODING}")
    place, _, query = rest.partition("?")
    authority, _, path = place.partition("/")
    if authority.count("@") > 1 or "@" in path:
        raise ValueError(f"holds an @, / or ? that is not percent-encoded: {ENCODING}")
    login, at, hosts = authority.rpartition("@")
    user, colon, password = login.partition(":")
    return UrlParts(
        scheme,
        unquote(user) if user else None,
        unquote(password) if at and colon else None,
        hosts,
        path,
        query,
    )


def read_hosts(text: str) -> tuple[HostAddress, ...]:
    """Parse a list of `host:port`, `[address]:port` or directories of sockets. Raise ValueError."""
    if not text:
        return ()
    return tuple(_host(each.strip()) for each in text.split(","))


def _host(text: str) -> HostAddress:
    if bracketed := BRACKETED.fullmatch(text):
        name, port = bracketed[1], bracketed[2]
    elif text.startswith("/") or text.count(":") > 1:
        name, port = text, None
    else:
        name, _, port = text.partition(":")
    if not name:
        raise ValueError("lacks the name of a host in its list of hosts")
    return HostAddress(unquote(name), read_port(unquote(port)) if port else None)


def read_port(text: str) -> int:
    """Parse a port. Raise ValueError, which does not show the text."""
    if not re.fullmatch(r"[0-9]{1,5}", text) or not 1 <= int(text) <= LARGEST_PORT:
        raise ValueError(f"has a port that is not a number from 1 to {LARGEST_PORT}; {ENCODING}")
    return int(text)


def check_address(url: str) -> None:
    """Check host and port of a URL that may contain a login. Raise ValueError."""
    parts = split_url(url)
    read_hosts(parts.hosts)


def check_web_address(url: str) -> None:
    """Check a URL in which @ and # after the host belong to the path. Raise ValueError."""
    scheme, rest = split_scheme(url)
    check_address(f"{scheme}://{re.split('[/?#]', rest, maxsplit=1)[0]}")


def lower_scheme(url: str) -> str:
    """Return a URL with its scheme in lower case; return other text unchanged."""
    match = SCHEME.fullmatch(url)
    return url if match is None else f"{match[1].lower()}://{match[2]}"
