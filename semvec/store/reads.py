"""What is read beside the writer."""

from collections.abc import Mapping

from sqlalchemy import (
    Connection,
    Select,
    bindparam,
    case,
    func,
    literal_column,
    select,
    union_all,
)

from semvec.store.records import Head, Stored
from semvec.store.tables import archive_terms, events, memories, sessions, snapshots
from semvec.store.terms import indexable

MAX_QUERY_TERMS = 256
"""Of a longer query the heaviest terms are searched."""

HEAD = select(
    sessions.c.key,
    sessions.c.owner,
    sessions.c.session_id,
    sessions.c.seq,
    sessions.c.created_at,
    sessions.c.last_used_at,
    sessions.c.interaction_count,
    sessions.c.total_memories,
)
HEAD_BY_ID = HEAD.where(
    sessions.c.owner == bindparam("owner"), sessions.c.session_id == bindparam("session_id")
)
HEADS = (
    HEAD.where(sessions.c.owner == bindparam("owner"), sessions.c.key < bindparam("before"))
    .order_by(sessions.c.key.desc())
    .limit(bindparam("limit"))
)
COUNT = select(func.count()).select_from(sessions).where(sessions.c.owner == bindparam("owner"))
SNAPSHOT = select(snapshots.c.seq, snapshots.c.payload).where(snapshots.c.key == bindparam("key"))
EVENTS = (
    select(events.c.seq, events.c.payload)
    .where(events.c.key == bindparam("key"), events.c.seq > bindparam("after"))
    .order_by(events.c.seq)
)
MEMORIES = select(memories.c.id, memories.c.payload).where(memories.c.key == bindparam("key"))
HOT = union_all(  # two look-ups, where SQLite would walk the whole archive for an OR
    MEMORIES.where(memories.c.archived_seq.is_(None)),
    MEMORIES.where(memories.c.archived_seq > bindparam("after")),
)
ARCHIVED = (
    select(memories.c.payload)
    .where(memories.c.key == bindparam("key"), memories.c.archived_seq.is_not(None))
    .order_by(memories.c.id.desc())
    .limit(1)
)
ARCHIVED_BY_HASH = ARCHIVED.where(memories.c.hash == bindparam("hash"))
ARCHIVED_BY_FOLD = ARCHIVED.where(memories.c.fold == bindparam("fold"))
NEWEST = 2**63 - 1


def head(connection: Connection, owner: str, session_id: str) -> Head | None:
    row = connection.execute(HEAD_BY_ID, {"owner": owner, "session_id": session_id}).first()
    return Head(*row) if row else None


def heads(connection: Connection, owner: str, limit: int, before: int | None) -> list[Head]:
    bounds = {"owner": owner, "limit": limit, "before": NEWEST if before is None else before}
    return [Head(*row) for row in connection.execute(HEADS, bounds)]


def count(connection: Connection, owner: str) -> int:
    return connection.execute(COUNT, {"owner": owner}).scalar_one()


def load(connection: Connection, owner: str, session_id: str) -> Stored | None:
    found = head(connection, owner, session_id)
    if found is None:
        return None
    row = connection.execute(SNAPSHOT, {"key": found.key}).first()
    snapshot = (row.seq, row.payload) if row else None
    after = {"key": found.key, "after": snapshot[0] if snapshot else 0}
    hot = {row.id: row.payload for row in connection.execute(HOT, after)}
    return Stored(found, snapshot, hot, tail(connection, found.key, after["after"]))


def tail(connection: Connection, key: int, after: int) -> tuple[tuple[int, bytes], ...]:
    rows = connection.execute(EVENTS, {"key": key, "after": after})
    return tuple((row.seq, row.payload) for row in rows)


def archived_by_hash(connection: Connection, key: int, hash: str) -> bytes | None:
    return connection.execute(ARCHIVED_BY_HASH, {"key": key, "hash": hash}).scalar()


def archived_by_fold(connection: Connection, key: int, fold: bytes) -> bytes | None:
    return connection.execute(ARCHIVED_BY_FOLD, {"key": key, "fold": fold}).scalar()


def search_archive(
    connection: Connection, key: int, weights: Mapping[str, int], limit: int
) -> list[bytes]:
    heaviest = sorted(indexable(weights), key=lambda term: (-weights[term], term))
    terms = {term: weights[term] for term in heaviest[:MAX_QUERY_TERMS]}
    if not terms:
        return []
    return list(connection.scalars(_ranked(key, terms, limit)))


def _ranked(key: int, weights: Mapping[str, int], limit: int) -> Select[tuple[bytes]]:
    """Scores come out of the terms' index alone; only the best memories' rows are read."""
    term = archive_terms.c.term
    # As an expression, or SQLite walks all terms of the session in the order of the groups.
    memory = archive_terms.c.memory_id + literal_column("0")
    score = func.sum(case(dict(weights), value=term)).label("score")
    best = (
        select(memory.label("memory_id"), score)
        .where(archive_terms.c.key == key, term.in_(list(weights)))
        .group_by(memory)
        .order_by(score.desc(), memory.desc())
        .limit(limit)
        .subquery()
    )
    return (
        select(memories.c.payload)
        .join(best, best.c.memory_id == memories.c.id)
        .where(memories.c.key == key)
        .order_by(best.c.score.desc(), best.c.memory_id.desc())
    )


def ping(connection: Connection) -> None:
    connection.execute(select(1))
