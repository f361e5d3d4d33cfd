"""Where a request comes from, as far as the proxies before this server can be believed."""

import re
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import NamedTuple

from multidict import MultiMapping, istr

from semvec.addresses import Networks, parse_address

WITH_PORT = re.compile(r"(?:\[([^\]]+)\]|([\d.]+))(?::\d{1,5})?")
LONGEST_ENTRY = 64
UNKNOWN_CLIENT = "unknown"
FORWARDED = istr("X-Forwarded-For")
REAL_IP = istr("X-Real-IP")


class Hop(NamedTuple):
    """One machine on a request's way; what a trusted one says about the machine before is true."""

    address: str
    trusted: bool


ProxyHeaderReader = Callable[[str], Hop | None]


def client_address(
    peer: str | None, headers: MultiMapping[str], read_hop: ProxyHeaderReader
) -> str:
    """The nearest machine that is no trusted proxy, else the furthest one that is named.

    The walk ends at what cannot be read: whoever wrote it may have written all that lies beyond.
    """
    hop = read_hop((peer or "").partition("%")[0])
    if hop is None:
        return UNKNOWN_CLIENT
    if not hop.trusted or not (FORWARDED in headers or REAL_IP in headers):
        return hop.address
    for entry in _claims(headers):
        further = read_hop(entry) if len(entry) <= LONGEST_ENTRY else None
        if further is None:
            break
        hop = further
        if not hop.trusted:
            break
    return hop.address


def _claims(headers: MultiMapping[str]) -> Iterable[str]:
    """The machines that proxies say a request came by, nearest first."""
    lines = headers.getall(FORWARDED, ())
    entries = [entry.strip() for line in lines for entry in line.split(",")]
    return reversed([*filter(None, entries)] or headers.getall(REAL_IP, []))


def proxy_header_reader(proxies: Networks) -> ProxyHeaderReader:
    """Reads one entry, a port after the address left out; remembers the latest."""

    @lru_cache(maxsize=4096)
    def read_hop(entry: str) -> Hop | None:
        bare = WITH_PORT.fullmatch(entry)
        address = parse_address((bare[1] or bare[2]) if bare else entry)
        return None if address is None else Hop(str(address), address in proxies)

    return read_hop
