from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from semvec.addresses import Networks, client_network, parse_address


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("2001:DB8:0:0::1", "2001:db8::1"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("::FFFF:cb00:7107", "203.0.113.7"),
        ("::1", "::1"),
    ],
)
def test_an_address_has_one_form(text: str, read: str) -> None:
    assert str(parse_address(text)) == read


@pytest.mark.parametrize(
    "text",
    [
        "",
        " 1.2.3.4",
        "1.2.3",
        "1.2.3.4.5",
        "01.2.3.4",
        "1.2.3.256",
        "0x7f000001",
        "2130706433",
        "1.2.3.4/32",
        "::1/128",
        "fe80::1%eth0",
        ":::1",
        "g::1",
        "localhost",
        "١.٢.٣.٤",
    ],
)
def test_what_is_no_address_is_none(text: str) -> None:
    assert parse_address(text) is None


@given(st.text())
def test_no_text_breaks_the_reading(text: str) -> None:
    address = parse_address(text)
    assert address is None or parse_address(str(address)) == address


def test_one_site_of_ipv6_is_one_client() -> None:
    assert client_network("2001:db8:1:2::1") == client_network("2001:db8:1:2:ffff::9")
    assert client_network("2001:db8:1:2::1") != client_network("2001:db8:1:3::1")
    assert client_network("203.0.113.7") != client_network("203.0.113.8")
    assert client_network("unknown") == "unknown"


@given(st.ip_addresses())
def test_a_client_is_within_its_network(address: IPv4Address | IPv6Address) -> None:
    network = Networks.parse(client_network(str(address)))
    assert (parse_address(str(address)) or address) in network


@pytest.mark.parametrize(
    ("text", "inside", "outside"),
    [
        ("10.0.0.0/8", "10.255.0.1", "11.0.0.1"),
        ("127.0.0.0/8,::1", "::1", "::2"),
        ("::1, 192.0.2.1", "192.0.2.1", "192.0.2.2"),
        ("fd00::/8", "fdff::1", "0.0.0.1"),
    ],
)
def test_networks_hold_what_lies_in_them(text: str, inside: str, outside: str) -> None:
    networks = Networks.parse(text)
    assert ip_address(inside) in networks
    assert ip_address(outside) not in networks
    assert Networks.parse(str(networks)) == networks


def test_no_networks_hold_nothing() -> None:
    networks = Networks.parse("none")
    assert str(networks) == "none"
    assert ip_address("127.0.0.1") not in networks


@pytest.mark.parametrize("text", ["", ",", "10.0.0.0/8,", "10.0.0.1/8", "proxy", "10.0.0.0/33"])
def test_bad_networks_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        Networks.parse(text)
