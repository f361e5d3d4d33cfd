"""The table of DATABASE_URL is what docs/settings.md says, and each of its rows is true."""

from pathlib import Path

import pytest

from semvec.urls.database import read_database_url
from semvec.urls.options import POSTGRES_OPTIONS, SCHEMES, SQLITE_OPTIONS, Entry, Fate

DOCS = Path(__file__).parents[2] / "docs"
ALL = (*SCHEMES, *POSTGRES_OPTIONS, *SQLITE_OPTIONS)

EXAMPLES = {
    "host": "db.example",
    "port": "5433",
    "sslmode": "verify-full",
    "ssl": "true",
    "sslrootcert": "system",
    "target_session_attrs": "read-write",
    "connect_timeout": "10",
    "pgbouncer": "true",
    "mode": "rwc",
}


def test_the_documentation_has_the_whole_table() -> None:
    text = (DOCS / "settings.md").read_text()
    section = text.partition("## DATABASE_URL")[2].partition("\n## ")[0]
    rows = [row for row in section.splitlines() if row.startswith("| `")]
    assert rows == [
        f"| {', '.join(f'`{name}`' for name in entry.names)} | {entry.fate} | {entry.reason} |"
        for entry in ALL
    ]


def test_no_name_is_in_a_table_twice() -> None:
    for entries in (SCHEMES, POSTGRES_OPTIONS, SQLITE_OPTIONS):
        names = [name for entry in entries for name in entry.names]
        assert len(names) == len({*names})


def _each(entries: tuple[Entry, ...]) -> list[tuple[str, Entry]]:
    return [(name, entry) for entry in entries for name in entry.names]


@pytest.mark.parametrize(("scheme", "entry"), _each(SCHEMES))
def test_a_scheme_has_the_fate_that_the_table_says(scheme: str, entry: Entry) -> None:
    for written in (scheme, scheme.upper()):
        url = f"{written}:///name"
        if entry.fate is Fate.UNDERSTOOD:
            read_database_url(url)
        else:
            with pytest.raises(ValueError, match=f"refused: {entry.reason}"):
                read_database_url(url)


@pytest.mark.parametrize(
    ("base", "option", "entry"),
    [
        *(("postgresql:///db", *each) for each in _each(POSTGRES_OPTIONS)),
        *(("sqlite:///file.db", *each) for each in _each(SQLITE_OPTIONS)),
    ],
)
def test_an_option_has_the_fate_that_the_table_says(base: str, option: str, entry: Entry) -> None:
    if option == "port":
        base = "postgresql://h/db"
    url = f"{base}?{option}={EXAMPLES.get(option, 'x')}"
    if entry.fate is Fate.REFUSED:
        with pytest.raises(ValueError, match=f"the option {option} is refused: {entry.reason}"):
            read_database_url(url)
        return
    warnings = read_database_url(url).warnings
    if entry.fate is Fate.UNDERSTOOD:
        assert warnings == ()
        assert repr(read_database_url(url)) != repr(read_database_url(base)) or option in HIDDEN
    else:
        assert warnings == (f"the option {option} of DATABASE_URL is dropped: {entry.reason}",)


HIDDEN = (
    *("password", "sslmode", "ssl", "sslrootcert", "sslcert", "sslkey", "sslpassword", "sslcrl"),
    *("sslnegotiation", "ssl_min_protocol_version", "ssl_max_protocol_version", "mode"),
    *("statement_cache_size", "prepared_statement_cache_size", "prepareThreshold"),
    "prepared_statements",
)
"""What shows in no `repr`, and what is understood to be nothing new."""
