import pytest

from semvec.urls.parts import (
    HostAddress,
    check_address,
    check_web_address,
    lower_scheme,
    read_hosts,
    split_url,
)


def test_a_url_is_taken_apart_as_libpq_does() -> None:
    parts = split_url("PostgreSQL://me%40corp:p%40s%3As@a:1,[::1]:2,%2Frun%2Fpg/name?x=y")
    assert (parts.scheme, parts.user, parts.password) == ("postgresql", "me@corp", "p@s:s")
    assert (parts.path, parts.query) == ("name", "x=y")
    assert read_hosts(parts.hosts) == (
        HostAddress("a", 1),
        HostAddress("::1", 2),
        HostAddress("/run/pg"),
    )
    assert "p@s" not in repr(parts)


@pytest.mark.parametrize(
    ("text", "hosts"),
    [
        ("", ()),
        ("db", (HostAddress("db"),)),
        ("db:5432", (HostAddress("db", 5432),)),
        ("fe80::1", (HostAddress("fe80::1"),)),
        ("[fe80::1]", (HostAddress("fe80::1"),)),
        ("/var/run/postgresql", (HostAddress("/var/run/postgresql"),)),
        ("a, b:7", (HostAddress("a"), HostAddress("b", 7))),
    ],
)
def test_hosts(text: str, hosts: tuple[HostAddress, ...]) -> None:
    assert read_hosts(text) == hosts


def test_hosts_are_shown_as_they_are_written() -> None:
    assert [str(host) for host in read_hosts("a,[::1]:2,/run")] == ["a", "[::1]:2", "/run"]


@pytest.mark.parametrize("text", ["db:port", "db:0", "db:65536", "a,,b", ":5432", "db:-1", "d:٣"])
def test_hosts_that_are_none(text: str) -> None:
    with pytest.raises(ValueError, match=r"port that is not a number|lacks the name of a host"):
        read_hosts(text)


def test_paths_of_web_addresses_may_hold_what_a_login_may_not() -> None:
    check_web_address("https://user:p%40ss@api.example:8443/accounts/1/ai/run/@cf/model#part")
    with pytest.raises(ValueError, match="percent-encoded"):
        check_web_address("https://user:p@ss@api.example/v1")
    with pytest.raises(ValueError, match="port that is not a number"):
        check_web_address("https://user:pa/ss@api.example/v1")


def test_addresses_of_other_servers_are_checked_in_full() -> None:
    check_address("rediss://:p%40ss@[::1]:6379/0?ssl_cert_reqs=none")
    with pytest.raises(ValueError, match="percent-encoded"):
        check_address("redis://:12/34@host:6379/0")


@pytest.mark.parametrize(
    ("written", "read"),
    [("HTTPS://Host/Path", "https://Host/Path"), ("local", "local"), ("", "")],
)
def test_schemes_have_no_case(written: str, read: str) -> None:
    assert lower_scheme(written) == read
