"""The schema, as the newest migration leaves it."""

from collections.abc import Mapping
from types import MappingProxyType

from sqlalchemy import (
    BigInteger,
    Column,
    Double,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    func,
)

metadata = MetaData()

Serial = BigInteger().with_variant(Integer(), "sqlite")
"""SQLite assigns row numbers only in a column whose type is spelled INTEGER."""

sessions = Table(
    "sessions",
    metadata,
    Column("key", Serial, Identity(always=True), primary_key=True),
    Column("owner", Text, nullable=False),
    Column("session_id", Text, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("snapshot_seq", BigInteger, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("last_used_at", Double, nullable=False),
    Column("interaction_count", BigInteger, nullable=False),
    Column("total_memories", BigInteger, nullable=False),
    Column("content", BigInteger),  # key of an import's rows; null: the session's own key
    Column("kind", SmallInteger, nullable=False, server_default="0"),
    Column("dimension", Integer),  # null: written by an earlier release
    Column("mean", LargeBinary),  # state s_t, float32; null if dimension is null
    Column("phase", Text),
    Column("drift_phase", Text),
    Column("line", LargeBinary),  # line of the last event; null: written by an earlier release
    Column("user_id", Text),  # the user active at creation; null: the first user
    Index("sessions_by_id", "owner", "session_id", unique=True),  # head, load, create
    Index("sessions_by_owner", "owner", "kind", "key"),  # heads, newest first; count
    sqlite_autoincrement=True,
)
content_key = func.coalesce(sessions.c.content, sessions.c.key)
"""The key of a session's rows in the tables below."""

events = Table(
    "events",
    metadata,
    Column("key", BigInteger, primary_key=True, autoincrement=False),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("payload", LargeBinary, nullable=False),
)

snapshots = Table(
    "snapshots",
    metadata,
    Column("key", Serial, primary_key=True, autoincrement=False),
    Column("seq", BigInteger, nullable=False),
    Column("payload", LargeBinary, nullable=False),
)

memories = Table(
    "memories",
    metadata,
    Column("key", BigInteger, primary_key=True, autoincrement=False),
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("hash", Text, nullable=False),
    Column("fold", LargeBinary, nullable=False),
    Column("archived_seq", BigInteger),
    Column("payload", LargeBinary, nullable=False),
)
in_archive = memories.c.archived_seq.is_not(None)
for name, columns in {
    "archived_by_hash": (memories.c.key, memories.c.hash, memories.c.id),
    "archived_by_fold": (memories.c.key, memories.c.fold, memories.c.id),
}.items():
    Index(name, *columns, sqlite_where=in_archive, postgresql_where=in_archive)
Index("memories_by_archival", memories.c.key, memories.c.archived_seq)  # load: those in tiers

pieces = Table(
    "pieces",
    metadata,
    Column("key", BigInteger, primary_key=True, autoincrement=False),
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("payload", LargeBinary, nullable=False),
)

archive_terms = Table(
    "archive_terms",
    metadata,
    Column("key", BigInteger, primary_key=True, autoincrement=False),
    Column("term", Text, primary_key=True),
    Column("memory_id", BigInteger, primary_key=True, autoincrement=False),
    Index("archive_terms_by_memory", "key", "memory_id"),  # restoring a memory
    sqlite_with_rowid=False,
)

orphans = Table(
    "remains",
    metadata,
    Column("content", BigInteger, primary_key=True, autoincrement=False),
)

imports = Table(
    "imports",
    metadata,
    Column("id", Serial, Identity(always=True), primary_key=True),
    Column("at", Double, nullable=False),
    sqlite_autoincrement=True,
)

clusters = Table(
    "clusters",
    metadata,
    Column("key", BigInteger, primary_key=True, autoincrement=False),  # its backing session's
    Column("owner", Text, nullable=False),
    Column("cluster_id", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("mode", Text, nullable=False),
    Column("coupling", Double, nullable=False),
    Index("clusters_by_owner", "owner", "key"),  # newest first; count
)

members = Table(
    "members",
    metadata,
    Column("cluster_key", BigInteger, primary_key=True, autoincrement=False),
    Column("session_key", BigInteger, primary_key=True, autoincrement=False),
    Index("members_by_session", "session_key"),  # deleting a session
    sqlite_with_rowid=False,
)

regions = Table(
    "regions",
    metadata,
    Column("key", BigInteger, primary_key=True, autoincrement=False),  # its meta-session's
    Column("owner", Text, nullable=False),
    Column("region_id", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("threshold", Double, nullable=False),
    Column("window_s", Double, nullable=False),
    Column("version", BigInteger, nullable=False),  # counts changes of voters, and realignments
    Column("last_event", BigInteger, nullable=False),  # number of the newest drift event
    Column("last_realignment", Double),
    Index("regions_by_owner", "owner", "key"),  # newest first; count
)

region_clusters = Table(
    "region_clusters",
    metadata,
    Column("region_key", BigInteger, primary_key=True, autoincrement=False),
    Column("cluster_key", BigInteger, primary_key=True, autoincrement=False),
    Index("regions_by_cluster", "cluster_key"),  # regions of a cluster
    sqlite_with_rowid=False,
)

votes = Table(
    "votes",
    metadata,
    Column("region_key", BigInteger, primary_key=True, autoincrement=False),
    Column("cluster_key", BigInteger, primary_key=True, autoincrement=False),
    Column("at", Double, nullable=False),
    Index("votes_by_cluster", "cluster_key"),  # deleting a cluster
    sqlite_with_rowid=False,
)

drift_events = Table(
    "drift_events",
    metadata,
    Column("region_key", BigInteger, primary_key=True, autoincrement=False),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("cluster_id", Text, nullable=False),
    Column("score", Double, nullable=False),
    Column("phase", Text, nullable=False),
    Column("at", Double, nullable=False),
    sqlite_with_rowid=False,
)

users = Table(
    "users",
    metadata,
    Column("owner", Text, primary_key=True),
    Column("user_id", Text, primary_key=True),
    Column("created_at", Double, nullable=False),
    Column("saved_at", Double),
    sqlite_with_rowid=False,
)

active_users = Table(
    "active_users",
    metadata,
    Column("owner", Text, primary_key=True),
    Column("user_id", Text, nullable=False),
    sqlite_with_rowid=False,
)

trust = Table(
    "trust",
    metadata,
    Column("key", Serial, primary_key=True, autoincrement=False),
    Column("kept", Integer, nullable=False),  # votes for the outcome
    Column("missed", Integer, nullable=False),  # votes against the outcome
)

observers = Table(
    "observers",
    metadata,
    Column("key", BigInteger, primary_key=True, autoincrement=False),  # its meta-session's
    Column("owner", Text, nullable=False),
    Column("observer_id", Text, nullable=False),
    Column("interval_s", Double, nullable=False),
    Column("due_at", Double, nullable=False),
    Column("last_sample_at", Double),
    Column("version", BigInteger, nullable=False),  # counts its samples
    Column("last_anomaly", BigInteger, nullable=False),  # number of the newest anomaly
    Column("standing", Text, nullable=False),  # JSON: names of the conditions that hold
    Index("observers_by_owner", "owner", unique=True),
    Index("observers_by_due", "due_at"),  # due samples
)

observer_regions = Table(
    "observer_regions",
    metadata,
    Column("observer_key", BigInteger, primary_key=True, autoincrement=False),
    Column("region_key", BigInteger, primary_key=True, autoincrement=False),
    Index("observers_by_region", "region_key"),  # deleting a region
    sqlite_with_rowid=False,
)

anomalies = Table(
    "anomalies",
    metadata,
    Column("observer_key", BigInteger, primary_key=True, autoincrement=False),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("type", Text, nullable=False),
    Column("at", Double, nullable=False),
    Column("details", Text, nullable=False),  # JSON
    sqlite_with_rowid=False,
)

NAMING_HEADS: Mapping[Table, tuple[str, ...]] = MappingProxyType(
    {
        clusters: ("key",),
        members: ("cluster_key", "session_key"),
        regions: ("key",),
        region_clusters: ("region_key", "cluster_key"),
        votes: ("region_key", "cluster_key"),
        drift_events: ("region_key",),
        trust: ("key",),
        observers: ("key",),
        observer_regions: ("observer_key", "region_key"),
        anomalies: ("observer_key",),
    }
)
"""Tables whose rows are deleted with a session, and the columns that hold its key."""

audit_chains = Table(
    "audit_chains",
    metadata,
    Column("id", Serial, Identity(always=True), primary_key=True),
    Column("at", Double, nullable=False),
    Column("pruned_seq", BigInteger, nullable=False, server_default="0"),
    Column("pruned_hash", LargeBinary),
    sqlite_autoincrement=True,
)

audit_log = Table(
    "audit_log",
    metadata,
    Column("id", Serial, Identity(always=True), primary_key=True),
    Column("chain", BigInteger, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("at", Double, nullable=False),
    Column("subject", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("resource", Text, nullable=False),
    Column("status", Integer, nullable=False),
    Column("request_id", Text, nullable=False),
    Column("client_ip", Text),
    Column("details", Text, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    Index("audit_by_subject", "subject", "id"),  # an owner's rows, newest first
)

repeats = Table(
    "repeats",
    metadata,
    Column("scope", LargeBinary, primary_key=True),
    Column("subject", Text, nullable=False),
    Column("about", Text),
    Column("digest", LargeBinary, nullable=False),
    Column("at", Double, nullable=False),
    Column("status", Integer, nullable=False),
    Column("body", LargeBinary),  # null: erased with its session
    Index("repeats_by_age", "at"),  # expired answers
    Index("repeats_by_subject", "subject", "at"),  # surplus answers
    Index("repeats_by_session", "subject", "about"),  # deleting a session
)

revoked_tokens = Table(
    "revoked_tokens",
    metadata,
    Column("jti", Text, primary_key=True),
    Column("revoked_at", Double, nullable=False),
)

encoders = Table(
    "encoders",
    metadata,
    Column("name", Text, primary_key=True),  # the name that sessions use
    Column("dimension", Integer, nullable=False),
    Column("probes", LargeBinary, nullable=False),  # its vectors of fixed sentences, float32
    Column("seen_at", Double, nullable=False),  # first use under this name
)

probes = Table(
    "probes",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False),  # a time: no id is used twice
    Column("filler", LargeBinary, nullable=False),
)

secrets = Table(
    "secrets",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", LargeBinary, nullable=False),
)
"""Secrets that the servers of one database share."""
