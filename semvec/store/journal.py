"""One transaction of the writer: what is decided, and the rows that carry it out."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Executable

from semvec.store import statements
from semvec.store.records import (
    Append,
    ArchivedRow,
    Create,
    Delete,
    Head,
    MemoryRow,
    Operation,
    Outcome,
    Snapshot,
)
from semvec.store.statements import CONFLICTING
from semvec.store.terms import indexable

Row = dict[str, Any]


@dataclass(slots=True)
class Standing:
    """A head while a batch is being decided."""

    seq: int
    snapshot_seq: int


@dataclass(slots=True)
class Changes:
    """What the operations of a batch that were in time write."""

    events: list[Row] = field(default_factory=list)
    heads: list[Row] = field(default_factory=list)
    archived: dict[tuple[int, int], tuple[ArchivedRow, int | None]] = field(default_factory=dict)
    returned: set[tuple[int, int]] = field(default_factory=set)
    snapshots: list[Snapshot] = field(default_factory=list)
    deleted: list[int] = field(default_factory=list)


def write(connection: Connection, operations: Sequence[Operation]) -> list[Outcome]:
    """Run a batch inside the open transaction; raises only where storage itself fails.

    An operation that comes too late shows in its own outcome and leaves the others alone. Locks
    are taken in the same order by every server: new ids first, then heads by key.
    """
    changes = Changes()
    created = _create(connection, changes, [o for o in operations if isinstance(o, Create)])
    standings = _lock(connection, {o.key for o in operations if not isinstance(o, Create)})
    outcomes: list[Outcome] = []
    for operation in operations:
        match operation:
            case Create(owner, session_id):
                outcomes.append(created.pop((owner, session_id), None))
            case Append():
                outcomes.append(_append(changes, standings, operation))
            case Snapshot():
                outcomes.append(_snapshot(changes, standings, operation))
            case Delete():
                outcomes.append(_delete(changes, standings, operation))
    _apply(connection, changes)
    return outcomes


def _create(
    connection: Connection, changes: Changes, operations: Sequence[Create]
) -> dict[tuple[str, str], Head]:
    """The heads of the sessions that are new; of two alike in one batch the first one wins."""
    first: dict[tuple[str, str], Create] = {}
    for operation in operations:
        first.setdefault((operation.owner, operation.session_id), operation)
    if not first:
        return {}
    statement = CONFLICTING[connection.dialect.name].create
    rows = [_new_session(first[name]) for name in sorted(first)]
    heads = {}
    for key, owner, session_id in connection.execute(statement, rows):
        made = first[owner, session_id]
        heads[owner, session_id] = Head(
            key, owner, session_id, 1, made.created_at, made.created_at, 0, 0
        )
        changes.events.append({"key": key, "seq": 1, "payload": made.event})
    return heads


def _new_session(create: Create) -> Row:
    return {
        "owner": create.owner,
        "session_id": create.session_id,
        "seq": 1,
        "snapshot_seq": 0,
        "created_at": create.created_at,
        "last_used_at": create.created_at,
        "interaction_count": 0,
        "total_memories": 0,
    }


def _lock(connection: Connection, keys: set[int]) -> dict[int, Standing]:
    if not keys:
        return {}
    heads = connection.execute(statements.LOCK_HEADS, {"keys": sorted(keys)})
    return {key: Standing(seq, snapshot_seq) for key, seq, snapshot_seq in heads}


def _append(changes: Changes, standings: dict[int, Standing], append: Append) -> bool:
    key = append.key
    standing = standings.get(key)
    if standing is None or standing.seq != append.seq:
        return False
    standing.seq = append.last_seq
    changes.heads.append(
        {
            "at": key,
            "old": append.seq,
            "new": append.last_seq,
            "used_at": append.used_at,
            "interactions": append.interaction_count,
            "memories": append.total_memories,
        }
    )
    for seq, payload in enumerate(append.events, append.seq + 1):
        changes.events.append({"key": key, "seq": seq, "payload": payload})
    for memory in append.returned:
        changes.returned.add((key, memory))
        if (key, memory) in changes.archived:
            row, _ = changes.archived[key, memory]
            changes.archived[key, memory] = (row, None)
    for row in append.archived:
        changes.archived[key, row.row.id] = (row, append.last_seq)
    return True


def _snapshot(changes: Changes, standings: dict[int, Standing], snapshot: Snapshot) -> bool:
    standing = standings.get(snapshot.key)
    if standing is None or not standing.snapshot_seq <= snapshot.seq <= standing.seq:
        return False
    standing.snapshot_seq = snapshot.seq
    changes.snapshots.append(snapshot)
    return True


def _delete(changes: Changes, standings: dict[int, Standing], operation: Delete) -> bool:
    if standings.pop(operation.key, None) is None:
        return False
    changes.deleted.append(operation.key)
    return True


def _apply(connection: Connection, changes: Changes) -> None:
    _run(connection, statements.MOVE_HEAD, changes.heads)
    _run(connection, statements.ADD_EVENT, changes.events)
    _move_memories(connection, changes)
    _store_snapshots(connection, changes.snapshots)
    if changes.deleted:
        for erase in statements.ERASE:
            connection.execute(erase, {"keys": changes.deleted})


def _run(connection: Connection, statement: Executable, rows: list[Row]) -> None:
    if rows:
        connection.execute(statement, rows)


def _move_memories(connection: Connection, changes: Changes) -> None:
    back = [{"at": key, "memory": memory} for key, memory in sorted(changes.returned)]
    moved = [{"at": key, "memory": memory} for key, memory in changes.archived]
    _run(connection, statements.RETURN_MEMORY, back)
    _run(
        connection,
        CONFLICTING[connection.dialect.name].archive,
        [_memory(key, archived.row, seq) for (key, _), (archived, seq) in changes.archived.items()],
    )
    _run(connection, statements.DROP_TERMS, back + moved)
    _run(
        connection,
        statements.ADD_TERM,
        [
            {"key": key, "term": term, "memory_id": memory}
            for (key, memory), (archived, seq) in changes.archived.items()
            if seq is not None
            for term in indexable(archived.terms)
        ],
    )


def _store_snapshots(connection: Connection, snapshots: Sequence[Snapshot]) -> None:
    if not snapshots:
        return
    conflicting = CONFLICTING[connection.dialect.name]
    marks: list[Row] = [{"at": s.key, "new": s.seq} for s in snapshots]
    _run(
        connection,
        conflicting.snapshot,
        [{"key": s.key, "seq": s.seq, "payload": s.payload} for s in snapshots],
    )
    _run(
        connection,
        conflicting.remember,
        [_memory(s.key, row, None) for s in snapshots for row in s.memories],
    )
    _run(connection, statements.MARK_SNAPSHOT, marks)
    _run(connection, statements.DROP_EVENTS, marks)


def _memory(key: int, row: MemoryRow, archived_seq: int | None) -> Row:
    return {
        "key": key,
        "id": row.id,
        "hash": row.hash,
        "fold": row.fold,
        "archived_seq": archived_seq,
        "payload": row.payload,
    }
