"""DATABASE_URL as others write it, and what is shown of one that is wrong."""

import itertools
import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest

from semvec.settings import Settings, SettingsError, load_settings
from semvec.store import Store, StoreError
from semvec.urls.database import PostgresUrl, SqliteUrl, read_database_url
from semvec.urls.parts import HostAddress
from tests.servers import command, serving


def postgres(url: str) -> PostgresUrl:
    read = read_database_url(url)
    assert isinstance(read, PostgresUrl)
    return read


@pytest.mark.parametrize(
    ("url", "hosts"),
    [
        ("postgresql://u@h/db", (HostAddress("h"),)),
        ("postgres://u@h:7/db", (HostAddress("h", 7),)),
        ("postgresql://u@[::1]:7/db", (HostAddress("::1", 7),)),
        ("postgresql://u@a:1,b:2/db", (HostAddress("a", 1), HostAddress("b", 2))),
        ("postgresql://u@/db?host=a,b&port=1,2", (HostAddress("a", 1), HostAddress("b", 2))),
        ("postgresql://u@/db?host=a:1&host=b:2", (HostAddress("a", 1), HostAddress("b", 2))),
        ("postgresql://u@a,b/db?port=7", (HostAddress("a", 7), HostAddress("b", 7))),
        ("postgresql://u@/db?host=/var/run/postgresql", (HostAddress("/var/run/postgresql"),)),
        ("postgresql://u@%2Fvar%2Frun%2Fpostgresql/db", (HostAddress("/var/run/postgresql"),)),
        ("postgresql://u@/db?host=::1", (HostAddress("::1"),)),
        ("postgresql:///db", ()),
    ],
)
def test_hosts_are_named_in_every_way_that_libpq_knows(
    url: str, hosts: tuple[HostAddress, ...]
) -> None:
    assert postgres(url).hosts == hosts


def test_login_and_database_may_stand_in_options() -> None:
    read = postgres("postgresql://h/?user=me%40corp&password=p%40s&dbname=my%20db")
    assert (read.user, read.password, read.database) == ("me@corp", "p@s", "my db")
    assert str(read) == "postgresql://me@corp@h/my db"
    assert "p@s" not in repr(read)


@pytest.mark.parametrize(
    ("query", "mode"),
    [
        ("", None),
        ("ssl=true", "require"),
        ("ssl=false", "disable"),
        ("ssl=verify-full", "verify-full"),
        ("ssl=true&sslmode=verify-ca", "verify-ca"),
        *((f"sslmode={mode}", mode) for mode in ("disable", "allow", "prefer", "require")),
        ("sslrootcert=system", "verify-full"),
    ],
)
def test_tls(query: str, mode: str | None) -> None:
    assert postgres(f"postgresql://h/db?{query}").tls.get("sslmode") == mode


@pytest.mark.parametrize(
    ("query", "pooled"),
    [
        ("", None),
        ("pgbouncer=true", True),
        ("pgbouncer=false", False),
        ("pgbouncer=false&statement_cache_size=0", False),
        ("statement_cache_size=0", True),
        ("prepared_statement_cache_size=0", True),
        ("prepared_statements=false", True),
        ("statement_cache_size=100", None),
    ],
)
def test_a_pooler_may_be_told_of(query: str, pooled: bool | None) -> None:
    assert postgres(f"postgresql://h/db?{query}").pooled is pooled


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("sslmode=maybe", "sslmode is none of disable"),
        ("sslrootcert=system&sslmode=require", "sslrootcert=system goes with"),
        ("target_session_attrs=standby", "the server has to write"),
        ("connect_timeout=soon", "connect_timeout is not a number"),
        ("pgbouncer=perhaps", "pgbouncer is neither true nor false"),
        ("host=other", "names hosts before its path and in the option host"),
        ("port=1,2", "not as many ports as hosts"),
        ("sslmod=require", "did you mean sslmode?"),
        ("work_mem=64MB", "the option work_mem is not one of PostgreSQL that is understood"),
    ],
)
def test_options_that_cannot_be_meant(query: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        read_database_url(f"postgresql://h/db?{query}")


@pytest.mark.parametrize("option", ["password", "Password", "sslpassword", "pasword", "passwort"])
@pytest.mark.parametrize("rest", ["Secret=3", "sslmod=3", "hunter", "a.b=&Secret=x", "=Secret"])
def test_no_piece_of_a_password_in_the_query_is_shown(option: str, rest: str) -> None:
    for url in ("postgresql://u@h:1/db", "sqlite:///x.db"):
        with pytest.raises(ValueError, match="option") as raised:
            read_database_url(f"{url}?{option}=hunter&{rest}")
        for piece in ("Secret", "sslmod", "hunter"):
            assert piece not in str(raised.value)


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("sqlite:///semvec.db", "semvec.db"),
        ("sqlite+aiosqlite:////data/semvec.db", "/data/semvec.db"),
        ("SQLITE:///a%20b.db?mode=rwc", "a b.db"),
        ("sqlite:///odd#name.db", "odd#name.db"),
    ],
)
def test_files_of_sqlite(url: str, path: str) -> None:
    assert read_database_url(url) == SqliteUrl(path)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("sqlite://semvec.db", "names a host where SQLite has none"),
        ("sqlite://", "names an in-memory SQLite database"),
        ("sqlite:///:memory:", "names an in-memory SQLite database"),
        ("sqlite:///file:x?mode=memory", "names an in-memory SQLite database"),
        ("sqlite:///x.db?mode=ro", "mode is neither rw nor rwc"),
        ("semvec.db", "is not a URL: write sqlite:///FILE or postgresql://"),
        ("'postgresql://h/db'", "begins with a quotation mark"),
        ("host=h dbname=db password=secret", "is a list of key=value"),
        ("postgresql://", "must name a host and a database"),
        ("mysql://h/db", "mysql:// is refused: only PostgreSQL and SQLite are supported"),
    ],
)
def test_urls_of_no_database(url: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason) as raised:
        read_database_url(url)
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize("option", ["sslrootcert", "sslcert", "sslkey", "sslcrl"])
def test_a_file_of_certificates_that_is_not_there_is_said_at_the_start(option: str) -> None:
    with pytest.raises(SettingsError, match=f"the option {option} names a file that is not there"):
        load_settings({"DATABASE_URL": f"postgresql://h/db?sslmode=require&{option}=/no/such"})


def test_dropped_options_are_warned_of_once_by_their_names(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    url = f"sqlite:///{tmp_path}/x.db?cache=secret"
    load_settings({"DATABASE_URL": url})
    Store(url)
    [record] = caplog.records
    assert record.levelno == logging.WARNING
    assert record.getMessage().startswith("the option cache of DATABASE_URL is dropped: ")
    assert "secret" not in caplog.text


SPECIAL = ("@", ":", "/", "?", "#", "%", "[", "]", "&", "=", ",", " ", '"', "'", "\\", "%4", "\n")
PIECES = ("Zq7xA", "Kw9vB", "12345")
PASSWORDS = [
    first.join(PIECES[:2]) + second + PIECES[2]
    for first, second in itertools.product(SPECIAL, SPECIAL)
]
CREDENTIALS = {
    "DATABASE_URL": "postgresql://user:{}@127.0.0.1:9/name",
    "SEMVEC_RATE_LIMIT_URL": "redis://user:{}@127.0.0.1:9/0",
    "SEMVEC_EMBEDDER": "https://user:{}@127.0.0.1:9/v1",
    "OTEL_EXPORTER_OTLP_ENDPOINT": "https://user:{}@127.0.0.1:9",
    "SEMVEC_EMBED_API_KEY": "{}",
    "METRICS_PASSWORD": "{}",
    "SEMVEC_LICENSE_KEY": "{}",
}


@pytest.mark.parametrize("variable", CREDENTIALS)
def test_no_piece_of_a_password_is_shown_however_it_is_written(
    variable: str, caplog: pytest.LogCaptureFixture
) -> None:
    for password in PASSWORDS:
        try:
            shown = repr(load_settings({variable: CREDENTIALS[variable].format(password)}))
        except SettingsError as error:
            shown = str(error)
            assert shown.startswith(f"{variable}: ")
        assert not any(piece in shown for piece in PIECES), (password, shown)
    assert not any(piece in caplog.text for piece in PIECES)


@pytest.mark.parametrize("password", PASSWORDS[::7])
async def test_no_piece_of_a_password_is_shown_by_what_opens_the_database(
    password: str, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(StoreError) as raised:
        await Store(CREDENTIALS["DATABASE_URL"].format(password)).open()
    chain = [raised.value, raised.value.__cause__, raised.value.__context__]
    shown = f"{chain!r} {caplog.text}"
    assert not any(piece in shown for piece in PIECES), shown


@pytest.mark.parametrize(
    ("variable", "url"),
    [
        ("DATABASE_URL", "postgresql://user:Zq7xA@Kw9vB/12345#end@127.0.0.1:9/name"),
        ("DATABASE_URL", "postgresql://user:Zq7xA%40Kw9vB@127.0.0.1:9/name"),
        ("SEMVEC_RATE_LIMIT_URL", "redis://user:Zq7xA/Kw9vB@127.0.0.1:9/0"),
        ("SEMVEC_EMBEDDER", "http://user:Zq7xA%40Kw9vB@127.0.0.1:9/v1"),
    ],
)
def test_a_server_that_cannot_start_shows_no_piece_of_a_password(
    variable: str, url: str, tmp_path: Path
) -> None:
    given = {
        "PATH": os.environ["PATH"],
        "DATABASE_URL": f"sqlite:///{tmp_path}/x.db",
        "SEMVEC_ALLOW_ANONYMOUS": "1",
        "SEMVEC_RATE_LIMIT": "on",
        "SEMVEC_EMBEDDER": "none",
        "SEMVEC_EMBED_MODEL": "m",
        variable: url,
    }
    done = subprocess.run(
        command("--log-level", "debug"), env=given, capture_output=True, text=True, timeout=60
    )
    assert done.returncode in (1, 2)
    assert not any(piece in done.stdout + done.stderr for piece in PIECES), done.stderr


async def test_a_server_starts_with_values_that_end_in_a_line_break(
    sqlite_url: str, tmp_path: Path
) -> None:
    async with serving(f"{sqlite_url}\n", tmp_path, SEMVEC_RATE_LIMIT="off\n") as server:
        assert server.process.returncode is None
    assert (tmp_path / "semvec.db").is_file()


def test_help_and_settings_show_no_secret_of_the_environment() -> None:
    environment = {name: form.format("Zq7xA") for name, form in CREDENTIALS.items()}
    done = subprocess.run(
        [sys.executable, "-m", "semvec", "serve", "--help"],
        env={"PATH": os.environ["PATH"], **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "Zq7xA" not in done.stdout + done.stderr
    assert "Zq7xA" not in repr(Settings.model_validate(environment))
