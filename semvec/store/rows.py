"""Rows for the writer's statements."""

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Connection, Executable

from semvec.store.records import ArchivedRow, MemoryRow, PieceRow
from semvec.store.terms import indexable

SqlRow = dict[str, Any]


ROWS_PER_STATEMENT = 256
"""Rows in one call of the driver; the event loop, which prepares them, is free between two
calls."""


def run(connection: Connection, statement: Executable, rows: Sequence[SqlRow]) -> None:
    for start in range(0, len(rows), ROWS_PER_STATEMENT):
        connection.execute(statement, rows[start : start + ROWS_PER_STATEMENT])


def memory_row(content: int, row: MemoryRow, archived_seq: int | None) -> SqlRow:
    return {
        "key": content,
        "id": row.id,
        "hash": row.hash,
        "fold": row.fold,
        "archived_seq": archived_seq,
        "payload": row.payload,
    }


def piece_row(content: int, piece: PieceRow) -> SqlRow:
    return {"key": content, "id": piece.id, "payload": piece.payload}


def term_rows(content: int, archived: ArchivedRow) -> Iterator[SqlRow]:
    for term in indexable(archived.terms):
        yield {"key": content, "term": term, "memory_id": archived.row.id}
