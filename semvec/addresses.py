"""IP addresses as text: read safely, written in one form, looked up in networks."""

from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Address = IPv4Address | IPv6Address

SITE_BITS = 64
"""What a provider gives a single IPv6 customer at the least; such a customer is one client."""


def parse_address(text: str) -> Address | None:
    """The address, IPv4 where IPv6 only wraps it; None for anything else, a zone included."""
    try:
        address = ip_address(text)
    except ValueError:
        return None
    if isinstance(address, IPv6Address):
        if address.scope_id is not None:
            return None
        return address.ipv4_mapped or address
    return address


@lru_cache(maxsize=4096)
def client_network(address: str) -> str:
    """What counts as one client: an IPv4 address, the /64 of an IPv6 one; other text as it is."""
    parsed = parse_address(address)
    if not isinstance(parsed, IPv6Address):
        return str(parsed or address)
    return f"{IPv6Address(int(parsed) >> SITE_BITS << SITE_BITS)}/{SITE_BITS}"


@dataclass(frozen=True, slots=True)
class Networks:
    """A set of networks, given as text: `10.0.0.0/8,::1`."""

    members: tuple[IPv4Network | IPv6Network, ...]

    @classmethod
    def parse(cls, text: str) -> "Networks":
        """Takes a comma-separated list, or `none`; raises ValueError."""
        if text.strip() == "none":
            return cls(())
        return cls(tuple(ip_network(part.strip()) for part in text.split(",")))

    def __contains__(self, address: Address) -> bool:
        return any(address in network for network in self.members)

    def __str__(self) -> str:
        return ",".join(map(_short, self.members)) or "none"


def _short(network: IPv4Network | IPv6Network) -> str:
    single = network.prefixlen == network.max_prefixlen
    return str(network.network_address if single else network)
