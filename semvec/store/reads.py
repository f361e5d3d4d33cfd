"""Queries of sessions, run outside the writer."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Select, bindparam, func, select, union_all

from semvec.store.records import Head, MemoryRow, SessionKind, StoredSession, Tail
from semvec.store.tables import (
    content_key,
    events,
    imports,
    memories,
    orphans,
    pieces,
    secrets,
    sessions,
    snapshots,
)

HEAD: Select[Any] = select(
    sessions.c.key,
    sessions.c.owner,
    sessions.c.session_id,
    sessions.c.seq,
    sessions.c.created_at,
    sessions.c.last_used_at,
    sessions.c.interaction_count,
    sessions.c.total_memories,
    sessions.c.kind,
    sessions.c.dimension,
    sessions.c.line,
)
HEAD_BY_ID = HEAD.where(
    sessions.c.owner == bindparam("owner"), sessions.c.session_id == bindparam("session_id")
)
SELECT_HEADS = (
    HEAD.where(
        sessions.c.owner == bindparam("owner"),
        sessions.c.kind == SessionKind.PLAIN,
        sessions.c.key < bindparam("before"),
    )
    .order_by(sessions.c.key.desc())
    .limit(bindparam("limit"))
)
COUNT_SESSIONS = (
    select(func.count())
    .select_from(sessions)
    .where(sessions.c.owner == bindparam("owner"), sessions.c.kind == SessionKind.PLAIN)
)
CONTENT = select(content_key).where(sessions.c.key == bindparam("key")).scalar_subquery()
SNAPSHOT = select(snapshots.c.seq, snapshots.c.payload).where(snapshots.c.key == CONTENT)
EVENTS = (
    select(events.c.seq, events.c.payload, sessions.c.line)
    .join(sessions, content_key == events.c.key)
    .where(sessions.c.key == bindparam("key"), events.c.seq > bindparam("after"))
    .order_by(events.c.seq)
)
SELECT_MEMORIES = select(memories.c.id, memories.c.payload).where(memories.c.key == CONTENT)
HOT = union_all(  # two look-ups: for an OR, SQLite scans the whole archive
    SELECT_MEMORIES.where(memories.c.archived_seq.is_(None)),
    SELECT_MEMORIES.where(memories.c.archived_seq > bindparam("after")),
)
PIECES = select(pieces.c.id, pieces.c.payload).where(pieces.c.key == CONTENT)
ARCHIVED = (
    select(memories.c.payload)
    .where(memories.c.key == CONTENT, memories.c.archived_seq.is_not(None))
    .order_by(memories.c.id.desc())
    .limit(1)
)
ARCHIVED_BY_HASH = ARCHIVED.where(memories.c.hash == bindparam("hash"))
OPAQUE_KEY = select(secrets.c.value).where(secrets.c.name == "opaque")
ARCHIVED_ALIKE = select(memories.c.id, memories.c.fold, memories.c.payload).where(
    memories.c.key == CONTENT, memories.c.archived_seq.is_not(None)
)
ARCHIVED_BY_FOLDS = union_all(  # two look-ups, each in its own index
    ARCHIVED_ALIKE.where(memories.c.fold.in_(bindparam("folds", expanding=True))),
    ARCHIVED_ALIKE.where(memories.c.hash.in_(bindparam("hashes", expanding=True))),
).order_by("id")
ARCHIVE = (
    select(memories.c.id, memories.c.hash, memories.c.fold, memories.c.payload)
    .where(
        memories.c.key == CONTENT,
        memories.c.id > bindparam("after"),
        memories.c.archived_seq.is_not(None),
    )
    .order_by(memories.c.id)
    .limit(bindparam("limit"))
)
STALE_IMPORTS = select(-imports.c.id).where(imports.c.at < bindparam("before"))
ORPHANS = select(orphans.c.content)
NEWEST_ARCHIVED = 2**63 - 1


def head(connection: Connection, owner: str, session_id: str) -> Head | None:
    row = connection.execute(HEAD_BY_ID, {"owner": owner, "session_id": session_id}).first()
    return Head(*row) if row else None


def heads(connection: Connection, owner: str, limit: int, before: int | None) -> list[Head]:
    bounds = {
        "owner": owner,
        "limit": limit,
        "before": NEWEST_ARCHIVED if before is None else before,
    }
    return [Head(*row) for row in connection.execute(SELECT_HEADS, bounds)]


def count(connection: Connection, owner: str) -> int:
    return connection.execute(COUNT_SESSIONS, {"owner": owner}).scalar_one()


def load(connection: Connection, owner: str, session_id: str) -> StoredSession | None:
    found = head(connection, owner, session_id)
    if found is None:
        return None
    row = connection.execute(SNAPSHOT, {"key": found.key}).first()
    snapshot = (row.seq, row.payload) if row else None
    after = {"key": found.key, "after": snapshot[0] if snapshot else 0}
    hot = {row.id: row.payload for row in connection.execute(HOT, after)}
    added = {row.id: row.payload for row in connection.execute(PIECES, {"key": found.key})}
    newer = tail(connection, found.key, after["after"])
    return StoredSession(found, snapshot, hot, newer.events, added)


def tail(connection: Connection, key: int, after: int) -> Tail:
    rows = connection.execute(EVENTS, {"key": key, "after": after}).all()
    line = rows[0].line if rows else None
    return Tail(line, tuple((row.seq, row.payload) for row in rows))


def archive(connection: Connection, key: int, after: int, limit: int) -> list[MemoryRow]:
    bounds = {"key": key, "after": after, "limit": limit}
    return [MemoryRow(*row) for row in connection.execute(ARCHIVE, bounds)]


def stale_imports(connection: Connection, before: float) -> list[int]:
    return list(connection.scalars(STALE_IMPORTS, {"before": before}))


def orphans_left(connection: Connection) -> list[int]:
    return list(connection.scalars(ORPHANS))


def archived_by_hash(connection: Connection, key: int, hash: str) -> bytes | None:
    return connection.execute(ARCHIVED_BY_HASH, {"key": key, "hash": hash}).scalar()


def archived_by_folds(
    connection: Connection, key: int, folds: Sequence[bytes], hashes: Sequence[str]
) -> list[bytes]:
    asked = {"key": key, "folds": list(folds), "hashes": list(hashes)}
    rows = connection.execute(ARCHIVED_BY_FOLDS, asked)
    newest = {row.fold: row.payload for row in rows}
    return list(newest.values())


def ping(connection: Connection) -> None:
    connection.execute(select(1))


def opaque_key(connection: Connection) -> bytes:
    """Return the key with which the servers of this database encrypt numbers."""
    key: bytes = connection.execute(OPAQUE_KEY).scalar_one()
    return key
