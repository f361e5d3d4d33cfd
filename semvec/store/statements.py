"""The writer's statements, built once; only conflict clauses differ between databases."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from sqlalchemy import (
    BindParameter,
    Executable,
    Table,
    bindparam,
    delete,
    func,
    insert,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.sql.dml import ReturningInsert

from semvec.store.tables import (
    NAMING_HEADS,
    active_users,
    archive_terms,
    content_key,
    events,
    imports,
    memories,
    orphans,
    pieces,
    sessions,
    snapshots,
)


@dataclass(frozen=True, slots=True)
class Upserts:
    """Inserts that do not raise if the row exists."""

    create: ReturningInsert[Any]
    insert_memories: Executable
    add_piece: Executable
    archive: Executable
    snapshot: Executable


def _conflicting(insert_into: Any) -> Upserts:
    archive = insert_into(memories)
    snapshot = insert_into(snapshots)
    return Upserts(
        create=insert_into(sessions)
        .values(
            user_id=select(active_users.c.user_id)
            .where(active_users.c.owner == bindparam("owner_of"))
            .scalar_subquery()
        )
        .on_conflict_do_nothing()
        .returning(sessions.c.key, sessions.c.owner, sessions.c.session_id),
        insert_memories=insert_into(memories).on_conflict_do_nothing(),
        add_piece=insert_into(pieces).on_conflict_do_nothing(),
        archive=archive.on_conflict_do_update(
            index_elements=["key", "id"],
            set_={
                "archived_seq": archive.excluded.archived_seq,
                "payload": archive.excluded.payload,
            },
        ),
        snapshot=snapshot.on_conflict_do_update(
            index_elements=["key"],
            set_={"seq": snapshot.excluded.seq, "payload": snapshot.excluded.payload},
        ),
    )


UPSERTS: Mapping[str, Upserts] = MappingProxyType(
    {"sqlite": _conflicting(sqlite.insert), "postgresql": _conflicting(postgresql.insert)}
)

LOCK_HEADS = (
    select(sessions.c.key, sessions.c.seq, sessions.c.snapshot_seq, content_key, sessions.c.line)
    .where(sessions.c.key.in_(bindparam("keys", expanding=True)))
    .order_by(sessions.c.key)
    .with_for_update()
)
MOVE_HEAD = (
    update(sessions)
    .where(sessions.c.key == bindparam("at"), sessions.c.seq == bindparam("old"))
    .values(
        seq=bindparam("new"),
        line=bindparam("next_line"),
        last_used_at=bindparam("used_at"),
        interaction_count=bindparam("interactions"),
        total_memories=bindparam("memories"),
        dimension=bindparam("dim"),
        mean=bindparam("state"),
        phase=bindparam("phase_now"),
        drift_phase=bindparam("drift_now"),
    )
)
RESET_HEAD = (
    update(sessions)
    .where(sessions.c.key == bindparam("at"))
    .values(
        created_at=bindparam("made_at"),
        last_used_at=bindparam("made_at"),
        kind=bindparam("is_of"),
        line=bindparam("first_line"),
        dimension=bindparam("dim"),
        mean=bindparam("state"),
        phase=bindparam("phase_now"),
        drift_phase=bindparam("drift_now"),
    )
)
ADD_EVENT = insert(events)
EVENTS_BETWEEN = (
    select(events.c.payload)
    .where(
        events.c.key == bindparam("of"),
        events.c.seq > bindparam("after"),
        events.c.seq <= bindparam("last"),
    )
    .order_by(events.c.seq)
)
RETURN_MEMORY = (
    update(memories)
    .where(memories.c.key == bindparam("at"), memories.c.id == bindparam("memory"))
    .values(archived_seq=None)
)
DROP_TERMS = delete(archive_terms).where(
    archive_terms.c.key == bindparam("at"), archive_terms.c.memory_id == bindparam("memory")
)
ADD_TERM = insert(archive_terms)
DROP_PIECE = delete(pieces).where(
    pieces.c.key == bindparam("at"), pieces.c.id == bindparam("piece")
)
MARK_SNAPSHOT = (
    update(sessions).where(sessions.c.key == bindparam("at")).values(snapshot_seq=bindparam("new"))
)
DROP_EVENTS = delete(events).where(
    events.c.key == bindparam("at"), events.c.seq <= bindparam("new")
)


def _erase(table: Table) -> Executable:
    return delete(table).where(table.c.key.in_(bindparam("keys", expanding=True)))


ERASE_HEADS = _erase(sessions)


def _naming_heads(table: Table, columns: Sequence[str]) -> tuple[Executable, Executable]:
    """Build two statements: lock the rows that name any of these heads, in one order, and delete
    them."""
    keys: BindParameter[Any] = bindparam("keys", expanding=True)
    named = or_(*(table.c[column].in_(keys) for column in columns))
    primary = [*table.primary_key]
    return (
        select(*primary).where(named).order_by(*primary).with_for_update(),
        delete(table).where(named),
    )


ERASE_NAMING_HEADS = tuple(_naming_heads(table, columns) for table, columns in NAMING_HEADS.items())
ERASE_CONTENT = tuple(map(_erase, (events, snapshots, memories, pieces, archive_terms)))

MANY_MEMORIES = (
    select(memories.c.key)
    .where(memories.c.key.in_(bindparam("keys", expanding=True)))
    .group_by(memories.c.key)
    .having(func.count() > bindparam("many"))
)
ADD_ORPHANS = insert(orphans)
LOCK_ORPHANS = (
    select(orphans.c.content)
    .where(orphans.c.content == bindparam("content"))
    .with_for_update(skip_locked=True)
)
DROP_ORPHANS = delete(orphans).where(orphans.c.content == bindparam("at"))
OLDEST_MEMORIES = (
    select(memories.c.id)
    .where(memories.c.key == bindparam("at"))
    .order_by(memories.c.id)
    .limit(bindparam("many"))
)
DROP_TERMS_UP_TO = delete(archive_terms).where(
    archive_terms.c.key == bindparam("at"), archive_terms.c.memory_id <= bindparam("last")
)
DROP_MEMORIES_UP_TO = delete(memories).where(
    memories.c.key == bindparam("at"), memories.c.id <= bindparam("last")
)

BEGIN_IMPORT: Mapping[str, Executable] = MappingProxyType(
    {
        "sqlite": text("INSERT INTO imports (id, at) VALUES (:number, :at)"),
        "postgresql": text(
            "INSERT INTO imports (id, at) OVERRIDING SYSTEM VALUE VALUES (:number, :at)"
        ),
    }
)
KEEP_IMPORT = update(imports).where(imports.c.id == bindparam("at_id")).values(at=bindparam("now"))
LOCK_IMPORT = select(imports.c.id).where(imports.c.id == bindparam("number")).with_for_update()
END_IMPORTS = (
    delete(imports)
    .where(imports.c.id.in_(bindparam("ids", expanding=True)))
    .returning(imports.c.id)
)
ADD_MEMORY = insert(memories)
ADD_PIECE = insert(pieces)
ATTACH_CONTENT = (
    update(sessions).where(sessions.c.key == bindparam("at")).values(content=bindparam("new"))
)
