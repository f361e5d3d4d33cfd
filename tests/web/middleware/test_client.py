import functools
from ipaddress import IPv4Address, IPv6Address

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from semvec.addresses import Networks, parse_address
from semvec.web.keys import CONTEXT
from semvec.web.middleware.client import client_address, proxy_header_reader
from tests.web.edged import edged

PROXIES = Networks.parse("127.0.0.0/8,::1,10.0.0.0/8")
Headers = list[tuple[str, str]]


def client(peer: str | None, headers: Headers) -> str:
    return client_address(peer, CIMultiDict(headers), proxy_header_reader(PROXIES))


def forwarded(*lines: str) -> Headers:
    return [("X-Forwarded-For", line) for line in lines]


ENTRIES = st.one_of(
    st.ip_addresses().map(str),
    st.sampled_from(["127.0.0.1", "10.0.0.1", "::1", "::ffff:10.0.0.1", "", "unknown"]),
    st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=80),
)
LINES = st.lists(ENTRIES, max_size=5).map(",".join)
NAMES = st.sampled_from(["X-Forwarded-For", "x-forwarded-for", "X-Real-IP", "Forwarded"])
HEADERS = st.lists(st.tuples(NAMES, LINES), max_size=5)


@given(st.ip_addresses(), HEADERS)
def test_promise_18_nothing_an_untrusted_peer_says_changes_its_address(
    peer: IPv4Address | IPv6Address, headers: Headers
) -> None:
    known = parse_address(str(peer))
    assert known is not None
    if known not in PROXIES:
        assert client(str(peer), headers) == str(known)


@given(st.ip_addresses(), HEADERS)
def test_promise_18_nothing_a_client_says_to_a_trusted_proxy_changes_its_address(
    real: IPv4Address | IPv6Address, headers: Headers
) -> None:
    """The proxy adds what it saw behind what it was sent."""
    known = parse_address(str(real))
    assert known is not None
    if known not in PROXIES:
        assert client("10.1.2.3", headers + forwarded(str(real))) == str(known)


@given(HEADERS)
def test_a_trusted_peer_names_an_address_or_stays_itself(headers: Headers) -> None:
    assert parse_address(client("10.1.2.3", headers)) is not None


@pytest.mark.parametrize(
    ("headers", "found"),
    [
        ([], "10.1.2.3"),
        (forwarded("203.0.113.7"), "203.0.113.7"),
        (forwarded("198.51.100.1, 203.0.113.7"), "203.0.113.7"),
        (forwarded("198.51.100.1, 203.0.113.7, 10.9.9.9"), "203.0.113.7"),
        (forwarded("198.51.100.1", "203.0.113.7", "10.9.9.9,127.0.0.1"), "203.0.113.7"),
        (forwarded("10.5.5.5, 10.9.9.9"), "10.5.5.5"),
        (forwarded("203.0.113.7,, ,"), "203.0.113.7"),
        (forwarded("::ffff:203.0.113.7"), "203.0.113.7"),
        (forwarded("203.0.113.7, ::FFFF:10.9.9.9"), "203.0.113.7"),
        (forwarded("2001:DB8::7"), "2001:db8::7"),
        (forwarded("203.0.113.7:4711"), "203.0.113.7"),
        (forwarded("[2001:db8::7]:4711"), "2001:db8::7"),
        (forwarded("[2001:db8::7]"), "2001:db8::7"),
        (forwarded("203.0.113.7, junk, 10.9.9.9"), "10.9.9.9"),
        (forwarded("203.0.113.7, unknown"), "10.1.2.3"),
        (forwarded("203.0.113.7:port"), "10.1.2.3"),
        (forwarded("fe80::1%eth0"), "10.1.2.3"),
        (forwarded("203.0.113.7" + "0" * 5000), "10.1.2.3"),
        ([("X-Real-IP", "203.0.113.7")], "203.0.113.7"),
        ([("X-Real-IP", "nobody")], "10.1.2.3"),
        ([("X-Real-IP", "198.51.100.1"), *forwarded("203.0.113.7")], "203.0.113.7"),
        ([("X-Real-IP", "203.0.113.7"), *forwarded("")], "203.0.113.7"),
        ([("X-Real-IP", "198.51.100.1"), *forwarded("junk")], "10.1.2.3"),
    ],
)
def test_the_way_is_walked_from_the_right_as_far_as_it_is_believed(
    headers: Headers, found: str
) -> None:
    assert client("10.1.2.3", headers) == found


@pytest.mark.parametrize(
    ("peer", "found"),
    [
        ("::ffff:10.1.2.3", "203.0.113.7"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("fe80::1%eth0", "fe80::1"),
        (None, "unknown"),
        ("", "unknown"),
    ],
)
def test_a_peer_is_told_in_the_one_form(peer: str | None, found: str) -> None:
    assert client(peer, forwarded("203.0.113.7")) == found


@pytest.mark.parametrize(
    ("proxies", "found"), [("none", "127.0.0.1"), ("127.0.0.0/8", "203.0.113.7")]
)
async def test_a_handler_finds_it_with_its_request(proxies: str, found: str) -> None:
    async def where(request: web.Request) -> web.Response:
        return web.Response(text=request[CONTEXT].client)

    app = edged(("GET", "/where", where), proxies=proxies)
    async with TestClient(TestServer(app)) as asking:
        ask = functools.partial(asking.get, "/where", headers={"X-Forwarded-For": "203.0.113.7"})
        assert [await (await ask()).text() for _ in range(2)] == [found, found]
