"""The encoders whose vectors the sessions of a database hold."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, select
from sqlalchemy.dialects import postgresql, sqlite

from semvec.store.records import SessionKind
from semvec.store.tables import encoders, sessions

ADD = {
    "sqlite": sqlite.insert(encoders).on_conflict_do_nothing(),
    "postgresql": postgresql.insert(encoders).on_conflict_do_nothing(),
}
SELECT_ENCODERS = select(
    encoders.c.name, encoders.c.dimension, encoders.c.probes, encoders.c.seen_at
).order_by(encoders.c.seen_at, encoders.c.name)


@dataclass(frozen=True, slots=True)
class EncoderRow:
    """One encoder under one of its names."""

    name: str
    dimension: int
    probes: bytes
    seen_at: float


def known(connection: Connection) -> list[EncoderRow]:
    """Return all encoders, the longest known first."""
    return [EncoderRow(*row) for row in connection.execute(SELECT_ENCODERS)]


def add(connection: Connection, rows: Sequence[EncoderRow]) -> None:
    """Insert encoders whose names are not taken."""
    statement = ADD[connection.dialect.name]
    for row in rows:
        connection.execute(
            statement.values(
                name=row.name, dimension=row.dimension, probes=row.probes, seen_at=row.seen_at
            )
        )


def sampled_sessions(connection: Connection, limit: int) -> list[tuple[str, str]]:
    """Return owner and id of the `limit` most recently used and the `limit` oldest sessions."""
    plain = select(sessions.c.owner, sessions.c.session_id).where(
        sessions.c.kind == SessionKind.PLAIN
    )
    newest = plain.order_by(sessions.c.last_used_at.desc()).limit(limit)
    oldest = plain.order_by(sessions.c.key).limit(limit)
    found = [*connection.execute(newest), *connection.execute(oldest)]
    return list(dict.fromkeys((row.owner, row.session_id) for row in found))
