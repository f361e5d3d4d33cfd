"""The parts of a URL with credentials, and messages that show none of it.

A password that is not percent-encoded can end up in any part of its URL: in the host, the port, the
path, the name of an option. So no message of this module repeats what the URL holds.
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
    """A host's name, address, or directory of a socket; `port` None: the default one."""

    name: str
    port: int | None = None

    def __str__(self) -> str:
        name = f"[{self.name}]" if ":" in self.name else self.name
        return name if self.port is None else f"{name}:{self.port}"


@dataclass(frozen=True, slots=True)
class UrlParts:
    """`hosts`, `path` and `query` as they are written; user and password decoded."""

    scheme: str
    user: str | None
    password: str | None = field(repr=False)
    hosts: str
    path: str
    query: str


def split_scheme(url: str) -> tuple[str, str]:
    """The scheme in lower case, and the rest after `://`. Raises ValueError."""
    if url[:1] in ("'", '"'):
        raise ValueError("begins with a quotation mark, which is part of the value: leave it out")
    match = SCHEME.fullmatch(url)
    if match is None:
        raise ValueError("is not a URL")
    return match[1].lower(), match[2]


def split_url(url: str) -> UrlParts:
    """A URL of a server that is logged in to. Raises ValueError, which shows none of it."""
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
    """A list of `host:port`, `[address]:port` or directories of sockets. Raises ValueError."""
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
    """Raises ValueError, which does not show the text."""
    if not re.fullmatch(r"[0-9]{1,5}", text) or not 1 <= int(text) <= LARGEST_PORT:
        raise ValueError(f"has a port that is not a number from 1 to {LARGEST_PORT}; {ENCODING}")
    return int(text)


def check_address(url: str) -> None:
    """Check host and port of an address that may hold a login. Raises ValueError."""
    parts = split_url(url)
    read_hosts(parts.hosts)


def check_web_address(url: str) -> None:
    """The same where @ and # after the host are part of a path. Raises ValueError."""
    scheme, rest = split_scheme(url)
    check_address(f"{scheme}://{re.split('[/?#]', rest, maxsplit=1)[0]}")


def lower_scheme(url: str) -> str:
    """The URL with its scheme in lower case; any other text as it is."""
    match = SCHEME.fullmatch(url)
    return url if match is None else f"{match[1].lower()}://{match[2]}"
