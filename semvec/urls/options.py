"""The table of schemes and options of DATABASE_URL, and how each is handled."""

from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType


class Fate(StrEnum):
    UNDERSTOOD = "understood"
    DROPPED = "dropped with a warning"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Entry:
    """One or several schemes or options with the same handling and the same reason."""

    names: tuple[str, ...]
    fate: Fate
    reason: str


def _entry(names: str, fate: Fate, reason: str) -> Entry:
    return Entry(tuple(names.split()), fate, reason)


POSTGRES_DRIVERS = ("asyncpg", "psycopg", "psycopg_async", "psycopg2", "psycopg2cffi", "pg8000")

SCHEMES = (
    _entry(
        "postgresql postgres pgsql "
        + " ".join(
            f"{name}+{driver}" for name in ("postgresql", "postgres") for driver in POSTGRES_DRIVERS
        ),
        Fate.UNDERSTOOD,
        "PostgreSQL; the driver that is named makes no difference",
    ),
    _entry(
        "sqlite sqlite3 sqlite+aiosqlite sqlite+pysqlite",
        Fate.UNDERSTOOD,
        "SQLite: three slashes before a relative path, four before an absolute one",
    ),
    _entry(
        "jdbc:postgresql jdbc:sqlite",
        Fate.REFUSED,
        "take jdbc: off, and write user and password before the host",
    ),
    _entry(
        "mysql mysql+pymysql mariadb mssql oracle mongodb mongodb+srv redis libsql duckdb "
        "cockroachdb redshift file http https",
        Fate.REFUSED,
        "only PostgreSQL and SQLite are supported",
    ),
)

POSTGRES_OPTIONS = (
    _entry(
        "host port",
        Fate.UNDERSTOOD,
        "as in libpq: a host, the directory of a socket, or lists of them",
    ),
    _entry("user password", Fate.UNDERSTOOD, "in place of those before the host"),
    _entry("dbname database", Fate.UNDERSTOOD, "in place of the path"),
    _entry("passfile", Fate.UNDERSTOOD, "file of passwords, in place of ~/.pgpass"),
    _entry("service", Fate.UNDERSTOOD, "section of the file that PGSERVICEFILE names"),
    _entry(
        "sslmode",
        Fate.UNDERSTOOD,
        "disable, allow, prefer (default), require, verify-ca or verify-full",
    ),
    _entry("ssl", Fate.UNDERSTOOD, "true is sslmode=require, false is disable, else an sslmode"),
    _entry(
        "sslrootcert",
        Fate.UNDERSTOOD,
        "file of certificates to trust; system: those of this machine, with verify-full",
    ),
    _entry(
        "sslcert sslkey sslpassword sslcrl sslnegotiation ssl_min_protocol_version "
        "ssl_max_protocol_version",
        Fate.UNDERSTOOD,
        "as in libpq",
    ),
    _entry(
        "target_session_attrs",
        Fate.UNDERSTOOD,
        "any, read-write or primary; what can only be read is refused",
    ),
    _entry("connect_timeout", Fate.UNDERSTOOD, "seconds for a connection; 5 unless it is given"),
    _entry(
        "application_name fallback_application_name",
        Fate.UNDERSTOOD,
        "name in pg_stat_activity; semvec unless it is given",
    ),
    _entry("options", Fate.UNDERSTOOD, "parameters for the server, as in -c work_mem=64MB"),
    _entry("search_path schema currentSchema", Fate.UNDERSTOOD, "schema of the tables"),
    _entry("krbsrvname gsslib", Fate.UNDERSTOOD, "as in libpq"),
    _entry(
        "pgbouncer",
        Fate.UNDERSTOOD,
        "true: there is a pooler between; false: there is none; else it is found out",
    ),
    _entry(
        "statement_cache_size prepared_statement_cache_size prepareThreshold prepared_statements",
        Fate.UNDERSTOOD,
        "0 or false is pgbouncer=true; other values change nothing",
    ),
    _entry(
        "channel_binding",
        Fate.DROPPED,
        "this driver binds no channel; sslmode=verify-full protects as well",
    ),
    _entry(
        "keepalives keepalives_count keepalives_idle keepalives_interval tcp_user_timeout timeout "
        "command_timeout socket_timeout statement_timeout lock_timeout "
        "idle_in_transaction_session_timeout",
        Fate.DROPPED,
        "the server has limits of its own on all that waits",
    ),
    _entry(
        "pool pool_size max_overflow pool_timeout pool_recycle pool_pre_ping pool_mode "
        "connection_limit conn_max_age min_size max_size",
        Fate.DROPPED,
        "the server has a pool of its own size",
    ),
    _entry(
        "client_encoding charset encoding gssencmode sslcompression sslsni sslcertmode "
        "load_balance_hosts min_protocol_version max_protocol_version async_fallback "
        "isolation_level jit serverVersion server_version uselibpqcompat supa workaround",
        Fate.DROPPED,
        "changes nothing here",
    ),
    _entry(
        "sslaccept sslidentity requiressl direct_tls",
        Fate.REFUSED,
        "write sslmode=require or verify-full, with sslrootcert, sslcert and sslkey",
    ),
    _entry("sslcrldir", Fate.REFUSED, "write sslcrl=FILE"),
    _entry(
        "require_auth require_peer scram_client_key scram_server_key oauth_issuer "
        "oauth_client_id oauth_client_secret oauth_scope",
        Fate.REFUSED,
        "the driver cannot hold to it",
    ),
    _entry("hostaddr", Fate.REFUSED, "write the address as host"),
    _entry("servicefile", Fate.REFUSED, "set PGSERVICEFILE"),
    _entry(
        "synchronous_commit", Fate.REFUSED, "changes are committed with on, or with remote_apply"
    ),
    _entry("replication", Fate.REFUSED, "a replication connection cannot keep sessions"),
)

SQLITE_OPTIONS = (
    _entry("mode", Fate.UNDERSTOOD, "rwc and rw; ro and memory are refused"),
    _entry(
        "cache timeout check_same_thread isolation_level journal_mode synchronous foreign_keys "
        "busy_timeout connection_limit socket_timeout pool_timeout uri",
        Fate.DROPPED,
        "the server sets what it needs",
    ),
    _entry("immutable nolock vfs", Fate.REFUSED, "changes could be lost"),
)

Table = MappingProxyType[str, Entry]


def table(entries: tuple[Entry, ...]) -> Table:
    """Return the entries by each of their names."""
    return MappingProxyType({name: entry for entry in entries for name in entry.names})
