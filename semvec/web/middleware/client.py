"""The client's address, taken from proxy headers only if the proxy is trusted."""

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
    """One machine on a request's path. What a trusted one reports about the previous machine is
    true."""

    address: str
    trusted: bool


ProxyHeaderReader = Callable[[str], Hop | None]


def client_address(
    peer: str | None, headers: MultiMapping[str], read_hop: ProxyHeaderReader
) -> str:
    """Return the nearest machine that is not a trusted proxy, else the furthest one named.

    The search ends at an entry that cannot be parsed: its author may have written all entries
    beyond it.
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
    """Return the machines that proxies report, nearest first."""
    lines = headers.getall(FORWARDED, ())
    entries = [entry.strip() for line in lines for entry in line.split(",")]
    return reversed([*filter(None, entries)] or headers.getall(REAL_IP, []))


def proxy_header_reader(proxies: Networks) -> ProxyHeaderReader:
    """Return a cached function that parses one entry and drops its port."""

    @lru_cache(maxsize=4096)
    def read_hop(entry: str) -> Hop | None:
        bare = WITH_PORT.fullmatch(entry)
        address = parse_address((bare[1] or bare[2]) if bare else entry)
        return None if address is None else Hop(str(address), address in proxies)

    return read_hop
