"""Parse DATABASE_URL in the forms of libpq, SQLAlchemy, asyncpg and others.

SQLAlchemy's `make_url` and asyncpg are not used, for three reasons: settings are checked without
importing either; each splits a password with an unescaped @ in its own way and shows parts of it;
and asyncpg passes unknown options to the server.
"""

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from urllib.parse import unquote, unquote_plus

from semvec.urls.options import (
    POSTGRES_OPTIONS,
    SCHEMES,
    SQLITE_OPTIONS,
    Entry,
    Fate,
    Table,
    table,
)
from semvec.urls.parts import (
    ENCODING,
    HostAddress,
    UrlParts,
    read_hosts,
    read_port,
    split_scheme,
    split_url,
)

WRITE = "write sqlite:///FILE or postgresql://USER:PASSWORD@HOST/NAME"
SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
SSL_FILES = (
    *("sslrootcert", "sslcert", "sslkey", "sslpassword", "sslcrl", "sslnegotiation"),
    *("ssl_min_protocol_version", "ssl_max_protocol_version"),
)
PASSED_ON = ("passfile", "service", "krbsrvname", "gsslib")
ATTRIBUTES = ("any", "read-write", "primary")
YES, NO = ("true", "1", "on", "yes"), ("false", "0", "off", "no")
CACHE_SIZES = (
    *("statement_cache_size", "prepared_statement_cache_size", "prepareThreshold"),
    "prepared_statements",
)
CONNECT_S = 5.0
SECRET_OPTION = re.compile("pass|pwd|secret|token|credential", re.IGNORECASE)
"""What a query holds where it names a secret, also with a slip in the name."""

Options = dict[str, list[str]]


@dataclass(frozen=True, slots=True)
class SqliteUrl:
    """A SQLite file; `warnings` name the options that were dropped."""

    path: str
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PostgresUrl:
    """A PostgreSQL database. `pooled` says whether a pooler is between; None: to be detected."""

    hosts: tuple[HostAddress, ...] = ()
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    database: str | None = None
    tls: Mapping[str, str] = field(default_factory=dict, repr=False)
    passed_on: Mapping[str, str] = field(default_factory=dict)
    parameters: Mapping[str, str] = field(default_factory=dict)
    attributes: str | None = None
    connect_s: float = CONNECT_S
    pooled: bool | None = None
    warnings: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Return the URL without its password and options."""
        user = f"{self.user}@" if self.user else ""
        return f"postgresql://{user}{','.join(map(str, self.hosts))}/{self.database or ''}"


def read_database_url(text: str) -> SqliteUrl | PostgresUrl:
    """Parse DATABASE_URL. Raise ValueError, which says what is wrong and shows no part of a
    password."""
    if re.match(r"\s*(host|hostaddr|dbname|user|service)\s*=", text):
        raise ValueError(f"is a list of key=value: {WRITE}")
    try:
        scheme, rest = split_scheme(text)
    except ValueError as error:
        raise ValueError(f"{error}: {WRITE}") from None
    entry = table(SCHEMES).get(scheme)
    if entry is None:
        raise ValueError(f"has a scheme that is not known: {WRITE}")
    if entry.fate is Fate.REFUSED:
        raise ValueError(f"{scheme}:// is refused: {entry.reason}")
    if scheme.startswith("sqlite"):
        return _sqlite(rest)
    return _postgres(split_url(text))


def _sqlite(rest: str) -> SqliteUrl:
    place, _, query = rest.partition("?")
    host, slash, path = place.partition("/")
    if host:
        raise ValueError(
            "names a host where SQLite has none: three slashes come before a relative path, four "
            "before an absolute one"
        )
    options, warnings = _options(query, SQLITE_OPTIONS, "of SQLite")
    mode = _last(options, "mode") or "rwc"
    if mode == "memory" or not slash or path in ("", ":memory:") or path.startswith("file:"):
        raise ValueError(
            "names an in-memory SQLite database, which would forget everything at exit: name a "
            "file, as in sqlite:///semvec.db"
        )
    if mode not in ("rw", "rwc"):
        raise ValueError("mode is neither rw nor rwc: the server has to write its database")
    return SqliteUrl(unquote(path), warnings)


def _postgres(parts: UrlParts) -> PostgresUrl:
    options, warnings = _options(parts.query, POSTGRES_OPTIONS, "of PostgreSQL")
    hosts = _hosts(parts, options)
    database = _last(options, "dbname", "database") or unquote(parts.path) or None
    if not hosts and not database and "service" not in options:
        raise ValueError("must name a host and a database: postgresql://USER:PASSWORD@HOST/NAME")
    return PostgresUrl(
        hosts=hosts,
        user=_last(options, "user") or parts.user,
        password=_last(options, "password") or parts.password,
        database=database,
        tls=_tls(options),
        passed_on=_chosen(options, PASSED_ON),
        parameters=_parameters(options),
        attributes=_attributes(options),
        connect_s=_connect_s(options),
        pooled=_pooled(options),
        warnings=warnings,
    )


def _options(query: str, entries: tuple[Entry, ...], kind: str) -> tuple[Options, tuple[str, ...]]:
    known, options, warnings = table(entries), Options(), list[str]()
    for pair in filter(None, query.split("&")):
        name, equals, value = pair.partition("=")
        name = unquote_plus(name)
        entry = known.get(name)
        if entry is None or not equals:
            raise ValueError(_unknown(name, equals, query, known, kind))
        if entry.fate is Fate.REFUSED:
            raise ValueError(f"the option {name} is refused: {entry.reason}")
        if entry.fate is Fate.DROPPED:
            warnings.append(f"the option {name} of DATABASE_URL is dropped: {entry.reason}")
        else:
            options.setdefault(name, []).append(unquote_plus(value))
    return options, tuple(warnings)


def _unknown(name: str, equals: str, query: str, known: Table, kind: str) -> str:
    """Describe an unknown option. Its name is shown only if it cannot be a part of a secret: a
    password in the query may hold an unescaped &."""
    if (
        "@" in query
        or SECRET_OPTION.search(query)
        or not equals
        or not re.fullmatch(r"[A-Za-z_.]{1,63}", name)
    ):
        return f"holds an option that is not known, or an unescaped ?: {ENCODING}"
    near = difflib.get_close_matches(name, known, 1, cutoff=0.8)
    hint = f": did you mean {near[0]}?" if near else "; docs/settings.md lists those that are"
    return f"the option {name} is not one {kind} that is understood{hint}"


def _last(options: Options, *names: str) -> str | None:
    given = [options[name][-1] for name in names if name in options]
    return given[-1] if given else None


def _chosen(options: Options, names: tuple[str, ...]) -> Mapping[str, str]:
    return MappingProxyType({name: options[name][-1] for name in names if name in options})


def _hosts(parts: UrlParts, options: Options) -> tuple[HostAddress, ...]:
    named = read_hosts(parts.hosts)
    listed = read_hosts(",".join(filter(None, options.get("host", ()))))
    if named and listed and named != listed:
        raise ValueError("names hosts before its path and in the option host: name them once")
    return _with_ports(listed or named, ",".join(options.get("port", ())))


def _with_ports(hosts: tuple[HostAddress, ...], text: str) -> tuple[HostAddress, ...]:
    """Assign ports to hosts: one port for all, or as many as there are hosts."""
    ports = [read_port(port) for port in text.split(",")] if text else []
    if len(ports) == 1:
        ports *= max(1, len(hosts))
    if not ports:
        return hosts
    if not hosts:
        raise ValueError("names a port without a host")
    if len(ports) != len(hosts):
        raise ValueError("has not as many ports as hosts")
    if any(host.port is not None for host in hosts):
        raise ValueError("names ports with its hosts and in the option port: name them once")
    return tuple(HostAddress(host.name, port) for host, port in zip(hosts, ports, strict=True))


def _tls(options: Options) -> Mapping[str, str]:
    tls = dict(_chosen(options, SSL_FILES))
    mode = _last(options, "sslmode")
    if (ssl := _last(options, "ssl")) is not None and mode is None:
        mode = "require" if ssl.lower() in YES else "disable" if ssl.lower() in NO else ssl
    if mode is not None and mode not in SSL_MODES:
        raise ValueError(f"sslmode is none of {', '.join(SSL_MODES)}")
    if tls.get("sslrootcert") == "system":
        if mode not in (None, "verify-full") or len(tls) > 1:
            raise ValueError("sslrootcert=system goes with sslmode=verify-full and nothing else")
        mode = "verify-full"
    return MappingProxyType(tls | ({"sslmode": mode} if mode else {}))


def _parameters(options: Options) -> Mapping[str, str]:
    """Return the parameters that are sent to the server when a connection starts."""
    name = _last(options, "fallback_application_name", "application_name")
    path = _last(options, "schema", "currentSchema", "search_path")
    given = {"application_name": name, "search_path": path, "options": _last(options, "options")}
    return MappingProxyType({name: value for name, value in given.items() if value})


def _attributes(options: Options) -> str | None:
    wanted = _last(options, "target_session_attrs")
    if wanted is not None and wanted not in ATTRIBUTES:
        raise ValueError(
            f"target_session_attrs is none of {', '.join(ATTRIBUTES)}: the server has to write"
        )
    return wanted


def _connect_s(options: Options) -> float:
    given = _last(options, "connect_timeout")
    if given is None:
        return CONNECT_S
    if not re.fullmatch(r"-?[0-9]{1,6}(\.[0-9]+)?", given):
        raise ValueError("connect_timeout is not a number of seconds")
    return float(given) if float(given) > 0 else CONNECT_S


def _pooled(options: Options) -> bool | None:
    said = (_last(options, "pgbouncer") or "").lower()
    if said and said not in (*YES, *NO):
        raise ValueError("pgbouncer is neither true nor false")
    if said:
        return said in YES
    sizes = (_last(options, name) for name in CACHE_SIZES)
    return True if any((size or "").lower() in NO for size in sizes) else None
