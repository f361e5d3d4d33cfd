"""One transaction of the writer: what is decided, and the rows that carry it out."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection

from semvec.store import staging, statements
from semvec.store.erasure import erase
from semvec.store.records import (
    Append,
    ArchivedRow,
    Create,
    Delete,
    Head,
    Operation,
    Outcome,
    Replace,
    Snapshot,
)
from semvec.store.rows import Row, memory_row, piece_row, run, term_rows
from semvec.store.statements import CONFLICTING


@dataclass(slots=True)
class Standing:
    """A head while a batch is being decided; `content` is the key that the session's rows have."""

    seq: int
    snapshot_seq: int
    content: int


OnHead = Append | Snapshot | Replace | Delete


@dataclass(slots=True)
class Changes:
    """What the operations of a batch that were in time write."""

    events: list[Row] = field(default_factory=list)
    heads: list[Row] = field(default_factory=list)
    archived: dict[tuple[int, int], tuple[ArchivedRow, int | None]] = field(default_factory=dict)
    returned: set[tuple[int, int]] = field(default_factory=set)
    snapshots: list[tuple[int, Snapshot]] = field(default_factory=list)
    adopted: list[Row] = field(default_factory=list)
    erased: list[int] = field(default_factory=list)
    deleted: list[int] = field(default_factory=list)


def write(connection: Connection, operations: Sequence[Operation]) -> list[Outcome]:
    """Run a batch inside the open transaction; raises only where storage itself fails.

    An operation that comes too late shows in its own outcome and leaves the others alone. Locks
    are taken in the same order by every server: new ids first, then heads by key.
    """
    changes = Changes()
    created = _create(connection, changes, [o for o in operations if isinstance(o, Create)])
    standings = _lock(connection, {o.key for o in operations if isinstance(o, OnHead)})
    outcomes: list[Outcome] = []
    for operation in operations:
        match operation:
            case Create(owner, session_id):
                outcomes.append(created.pop((owner, session_id), None))
            case Append():
                outcomes.append(_append(changes, standings, operation))
            case Snapshot():
                outcomes.append(_snapshot(changes, standings, operation))
            case Replace():
                outcomes.append(_replace(connection, changes, standings, operation))
            case Delete():
                outcomes.append(_delete(changes, standings, operation))
            case _:
                outcomes.append(staging.carry_out(connection, operation))
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
    return {key: Standing(*standing) for key, *standing in heads}


def _append(changes: Changes, standings: dict[int, Standing], append: Append) -> bool:
    key = append.key
    standing = standings.get(key)
    if standing is None or standing.seq != append.seq:
        return False
    standing.seq, content = append.last_seq, standing.content
    changes.heads.append(_moved_head(append, append.seq, append.last_seq))
    for seq, payload in enumerate(append.events, append.seq + 1):
        changes.events.append({"key": content, "seq": seq, "payload": payload})
    for memory in append.returned:
        changes.returned.add((content, memory))
        if (content, memory) in changes.archived:
            row, _ = changes.archived[content, memory]
            changes.archived[content, memory] = (row, None)
    for row in append.archived:
        changes.archived[content, row.row.id] = (row, append.last_seq)
    return True


def _moved_head(operation: Append | Replace, old: int, new: int) -> Row:
    return {
        "at": operation.key,
        "old": old,
        "new": new,
        "used_at": operation.used_at,
        "interactions": operation.interaction_count,
        "memories": operation.total_memories,
    }


def _snapshot(changes: Changes, standings: dict[int, Standing], snapshot: Snapshot) -> bool:
    standing = standings.get(snapshot.key)
    if standing is None or not standing.snapshot_seq <= snapshot.seq <= standing.seq:
        return False
    standing.snapshot_seq = snapshot.seq
    changes.snapshots.append((standing.content, snapshot))
    return True


def _replace(
    connection: Connection, changes: Changes, standings: dict[int, Standing], replace: Replace
) -> bool:
    standing = standings.get(replace.key)
    if standing is None or not staging.adopt(connection, replace.content):
        return False
    seq = standing.seq + 1
    changes.heads.append(_moved_head(replace, standing.seq, seq))
    changes.erased.append(standing.content)
    changes.adopted.append({"at": replace.key, "new": replace.content})
    standings[replace.key] = Standing(seq, seq, replace.content)
    changes.snapshots.append((replace.content, Snapshot(replace.key, seq, replace.snapshot, ())))
    return True


def _delete(changes: Changes, standings: dict[int, Standing], operation: Delete) -> bool:
    standing = standings.pop(operation.key, None)
    if standing is None:
        return False
    changes.deleted.append(operation.key)
    changes.erased.append(standing.content)
    return True


def _apply(connection: Connection, changes: Changes) -> None:
    run(connection, statements.MOVE_HEAD, changes.heads)
    run(connection, statements.ADOPT, changes.adopted)
    run(connection, statements.ADD_EVENT, changes.events)
    _move_memories(connection, changes)
    _store_snapshots(connection, changes.snapshots)
    erase(connection, changes.erased)
    if changes.deleted:
        connection.execute(statements.ERASE_HEADS, {"keys": changes.deleted})


def _move_memories(connection: Connection, changes: Changes) -> None:
    back = [{"at": key, "memory": memory} for key, memory in sorted(changes.returned)]
    moved = [{"at": key, "memory": memory} for key, memory in changes.archived]
    run(connection, statements.RETURN_MEMORY, back)
    run(
        connection,
        CONFLICTING[connection.dialect.name].archive,
        [
            memory_row(key, archived.row, seq)
            for (key, _), (archived, seq) in changes.archived.items()
        ],
    )
    run(connection, statements.DROP_TERMS, back + moved)
    run(
        connection,
        statements.ADD_TERM,
        [
            row
            for (key, _), (archived, seq) in changes.archived.items()
            if seq is not None
            for row in term_rows(key, archived)
        ],
    )


def _store_snapshots(connection: Connection, snapshots: Sequence[tuple[int, Snapshot]]) -> None:
    if not snapshots:
        return
    conflicting = CONFLICTING[connection.dialect.name]
    run(
        connection,
        conflicting.snapshot,
        [{"key": content, "seq": s.seq, "payload": s.payload} for content, s in snapshots],
    )
    run(
        connection,
        conflicting.remember,
        [memory_row(content, row, None) for content, s in snapshots for row in s.memories],
    )
    run(
        connection,
        statements.DROP_PIECE,
        [{"at": content, "piece": piece} for content, s in snapshots for piece in s.dropped],
    )
    run(
        connection,
        conflicting.add_piece,
        [piece_row(content, piece) for content, s in snapshots for piece in s.pieces],
    )
    run(connection, statements.MARK_SNAPSHOT, [{"at": s.key, "new": s.seq} for _, s in snapshots])
    run(
        connection,
        statements.DROP_EVENTS,
        [{"at": content, "new": s.seq} for content, s in snapshots],
    )
