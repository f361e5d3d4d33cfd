"""One transaction of the writer: decides operations and writes their rows."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from sqlalchemy import Connection

from semvec.store import audit, repeats, staging, statements
from semvec.store.erasure import erase, erase_heads
from semvec.store.line import line_after
from semvec.store.name_reservations import NameReservations
from semvec.store.probe import Probe
from semvec.store.records import (
    Append,
    ArchivedRow,
    Conflicted,
    Create,
    CreatedHeads,
    Delete,
    ExpireAnswers,
    ExpireAudit,
    GuardedChange,
    Head,
    NoOp,
    Operation,
    Replace,
    Snapshot,
    Transaction,
    TrimAnswers,
    UniqueRow,
    Upkeep,
    WriteOutcome,
    WriterOperation,
)
from semvec.store.rows import SqlRow, memory_row, piece_row, run, term_rows
from semvec.store.statements import UPSERTS


@dataclass(slots=True)
class HeadVersion:
    """A head while a batch is being decided; `content` is the key of the session's rows.

    `stored` is its seq in the database.
    """

    seq: int
    snapshot_seq: int
    content: int
    line: bytes | None
    stored: int


HeadVersions = dict[int, HeadVersion]


@dataclass(slots=True)
class BatchRows:
    """The rows that the successful operations of a batch write."""

    events: list[SqlRow] = field(default_factory=list)
    heads: list[SqlRow] = field(default_factory=list)
    archived: dict[tuple[int, int], tuple[ArchivedRow, int | None]] = field(default_factory=dict)
    returned: set[tuple[int, int]] = field(default_factory=set)
    snapshots: list[tuple[int, Snapshot]] = field(default_factory=list)
    adopted: list[SqlRow] = field(default_factory=list)
    erased: list[int] = field(default_factory=list)
    deleted: list[int] = field(default_factory=list)


def write(connection: Connection, operations: Sequence[WriterOperation]) -> list[WriteOutcome]:
    """Run a batch inside the open transaction; raise only if storage itself fails.

    A conflict is the outcome of its operation and does not affect the others. Every server locks in
    the same order: new names first, then heads by key.
    """
    changes = BatchRows()
    claims = NameReservations(connection, [part for each in operations for part in _parts(each)])
    standings = _lock(connection, {key for each in operations for key in _keys(each) if key > 0})
    outcomes: list[WriteOutcome] = []
    for operation in operations:
        match operation:
            case Create():
                outcomes.append(_create(changes, claims, operation))
            case Append():
                outcomes.append(_append(changes, standings, operation))
            case Snapshot():
                outcomes.append(_snapshot(connection, changes, standings, operation))
            case Replace():
                outcomes.append(_replace(connection, changes, standings, operation))
            case Delete():
                outcomes.append(_delete(changes, standings, operation))
            case Transaction(parts):
                outcomes.append(_transaction(connection, changes, claims, standings, parts))
            case NoOp() | ExpireAudit() | ExpireAnswers() | TrimAnswers() | Probe():
                outcomes.append(_upkeep(connection, operation))
            case _:
                outcomes.append(staging.carry_out(connection, operation))
    claims.release_unused()
    _apply(connection, changes)
    return outcomes


def _parts(operation: WriterOperation) -> tuple[Create | UniqueRow, ...]:
    """Return the parts of an operation that reserve a name."""
    parts = operation.parts if isinstance(operation, Transaction) else (operation,)
    return tuple(part for part in parts if isinstance(part, Create | UniqueRow))


def _keys(operation: WriterOperation | Operation) -> Iterator[int]:
    """Yield the keys of the heads that an operation locks."""
    match operation:
        case Transaction(parts):
            for part in parts:
                yield from _keys(part)
        case GuardedChange():
            yield from operation.heads
        case Append() | Snapshot() | Replace() | Delete():
            yield operation.key


def _transaction(
    connection: Connection,
    changes: BatchRows,
    claims: NameReservations,
    standings: HeadVersions,
    parts: Sequence[Operation],
) -> CreatedHeads | Conflicted:
    """Decide all parts on copies of the heads; carry them out if none conflicts."""
    names = set[tuple[str, ...]]()
    ahead = {
        key: replace(standings[key]) for part in parts for key in _keys(part) if key in standings
    }
    created = 0
    for part in parts:
        if not _is_valid(connection, claims, ahead, names, part):
            return Conflicted(part)
        if isinstance(part, Create):
            created += 1
            ahead[-created] = _new(0, part.line)
    made: list[Head] = []
    for part in parts:
        match part:
            case Create():
                made.append(_create_head(changes, claims, part))
            case Append():
                _append(changes, standings, _resolve_key(part, made, standings))
            case Replace():
                _replace(connection, changes, standings, part)
            case Delete():
                _delete(changes, standings, part)
            case UniqueRow():
                claims.reserve(part)
    for part in parts:
        if isinstance(part, GuardedChange):
            part.carry_out(connection, made)
    return tuple(made)


def _resolve_key(append: Append, made: Sequence[Head], standings: HeadVersions) -> Append:
    """Resolve a negative key to the session that the same transaction has created."""
    if append.key > 0:
        return append
    head = made[-append.key - 1]
    standings.setdefault(head.key, _new(head.key, head.line))
    return replace(append, key=head.key)


def _is_valid(
    connection: Connection,
    claims: NameReservations,
    ahead: HeadVersions,
    names: set[tuple[str, ...]],
    part: Operation,
) -> bool:
    """Whether a part does not conflict, after the parts before it, which have moved the heads in
    `ahead` and taken `names`."""
    match part:
        case Create() | UniqueRow():
            free = claims.is_free(part) and part.name not in names
            names.add(part.name)
            return free
        case Append():
            return _append(BatchRows(), ahead, part)
        case Replace():
            if part.key not in ahead or not staging.waits(connection, part.content):
                return False
            ahead[part.key] = _replaced(ahead[part.key], part)
            return True
        case Delete():
            return ahead.pop(part.key, None) is not None
        case GuardedChange():
            return all(key in ahead for key in part.heads) and part.decide(connection)


def _create(changes: BatchRows, claims: NameReservations, create: Create) -> Head | None:
    """Create a session and return its head, or None if it exists."""
    return _create_head(changes, claims, create) if claims.is_free(create) else None


def _create_head(changes: BatchRows, claims: NameReservations, create: Create) -> Head:
    key = claims.reserve(create)
    changes.events.append({"key": key, "seq": 1, "payload": create.event})
    at = create.created_at
    return Head(
        *(key, create.owner, create.session_id, 1, at, at, 0, 0),
        *(create.kind, create.dimension, create.line),
    )


def _lock(connection: Connection, keys: set[int]) -> HeadVersions:
    if not keys:
        return {}
    heads = connection.execute(statements.LOCK_HEADS, {"keys": sorted(keys)})
    return {
        key: HeadVersion(seq, snapshot_seq, content, line, seq)
        for key, seq, snapshot_seq, content, line in heads
    }


def _new(content: int, line: bytes | None) -> HeadVersion:
    """Return the head version of a session that the same batch creates."""
    return HeadVersion(1, 0, content, line, 1)


def _replaced(standing: HeadVersion, replace: Replace) -> HeadVersion:
    """Return the head version of a session after an import."""
    seq = standing.seq + 1
    line = replace.line_from(standing.line)
    return HeadVersion(seq, seq, replace.content, line, seq)


def _append(changes: BatchRows, standings: HeadVersions, append: Append) -> bool:
    key = append.key
    standing = standings.get(key)
    if standing is None or (standing.seq, standing.line) != (append.seq, append.line):
        return False
    standing.seq, content = append.last_seq, standing.content
    standing.line = append.next_line
    changes.heads.append(_moved_head(append, append.seq, append.last_seq, append.next_line))
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


def _moved_head(operation: Append | Replace, old: int, new: int, line: bytes | None) -> SqlRow:
    return {
        "at": operation.key,
        "old": old,
        "new": new,
        "next_line": line,
        "used_at": operation.used_at,
        "interactions": operation.interaction_count,
        "memories": operation.total_memories,
        "dim": operation.dimension,
        "state": operation.mean,
        "phase_now": operation.phase,
        "drift_now": operation.drift_phase,
    }


def _snapshot(
    connection: Connection, changes: BatchRows, standings: HeadVersions, snapshot: Snapshot
) -> bool:
    standing = standings.get(snapshot.key)
    if standing is None:
        return False
    if not snapshot.base <= standing.snapshot_seq <= snapshot.seq <= standing.seq:
        return False
    if not _on_line(connection, changes, standing, snapshot):
        return False
    standing.snapshot_seq = snapshot.seq
    changes.snapshots.append((standing.content, snapshot))
    return True


def _on_line(
    connection: Connection, changes: BatchRows, standing: HeadVersion, snapshot: Snapshot
) -> bool:
    """Whether the events that the snapshot covers are those that led to the head."""
    if (snapshot.seq, snapshot.line) == (standing.seq, standing.line):
        return True
    seq = standing.stored
    later: list[bytes] = []
    if snapshot.seq < seq:
        between = {"of": standing.content, "after": snapshot.seq, "last": seq}
        later += connection.scalars(statements.EVENTS_BETWEEN, between)
    later += [
        event["payload"]
        for event in changes.events
        if event["key"] == standing.content and event["seq"] > max(seq, snapshot.seq)
    ]
    if len(later) != standing.seq - snapshot.seq:
        return False
    if standing.line is None:  # no release with lines has changed the session
        return snapshot.line is None
    return line_after(snapshot.line, later) == standing.line


def _replace(
    connection: Connection, changes: BatchRows, standings: HeadVersions, replace: Replace
) -> bool:
    standing = standings.get(replace.key)
    if standing is None or not staging.adopt(connection, replace.content):
        return False
    after = _replaced(standing, replace)
    changes.heads.append(_moved_head(replace, standing.seq, after.seq, after.line))
    changes.erased.append(standing.content)
    changes.adopted.append({"at": replace.key, "new": replace.content})
    standings[replace.key] = after
    imported = Snapshot(replace.key, after.seq, replace.snapshot, ())
    changes.snapshots.append((replace.content, imported))
    return True


def _delete(changes: BatchRows, standings: HeadVersions, operation: Delete) -> bool:
    standing = standings.pop(operation.key, None)
    if standing is None:
        return False
    changes.deleted.append(operation.key)
    changes.erased.append(standing.content)
    return True


def _upkeep(connection: Connection, upkeep: Upkeep) -> bool:
    """Carry out upkeep; return whether more may be left."""
    match upkeep:
        case ExpireAudit(before, most):
            return audit.prune(connection, before, most)
        case ExpireAnswers(before, most):
            return repeats.drop_expired(connection, before, most)
        case TrimAnswers(subject, bound, most):
            return repeats.drop_surplus(connection, subject, bound, most)
        case Probe():
            return upkeep.carry_out(connection)
        case NoOp():
            return True


def _apply(connection: Connection, changes: BatchRows) -> None:
    run(connection, statements.MOVE_HEAD, changes.heads)
    run(connection, statements.ATTACH_CONTENT, changes.adopted)
    run(connection, statements.ADD_EVENT, changes.events)
    _move_memories(connection, changes)
    _store_snapshots(connection, changes.snapshots)
    erase(connection, changes.erased)
    erase_heads(connection, changes.deleted)


def _move_memories(connection: Connection, changes: BatchRows) -> None:
    back = [{"at": key, "memory": memory} for key, memory in sorted(changes.returned)]
    moved = [{"at": key, "memory": memory} for key, memory in changes.archived]
    run(connection, statements.RETURN_MEMORY, back)
    run(
        connection,
        UPSERTS[connection.dialect.name].archive,
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
    conflicting = UPSERTS[connection.dialect.name]
    run(
        connection,
        conflicting.snapshot,
        [{"key": content, "seq": s.seq, "payload": s.payload} for content, s in snapshots],
    )
    run(
        connection,
        conflicting.insert_memories,
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
