"""Imports in progress: rows with a key of their own until a session adopts them.

A large import is written in many small transactions, so that it does not block other writes; one
small transaction then makes it a session's content. Sessions' keys are positive, those of imports
negative.
"""

from collections.abc import Sequence
from operator import itemgetter

from sqlalchemy import Connection

from semvec.store import statements
from semvec.store.erasure import erase, erase_more
from semvec.store.records import (
    BeginImport,
    DiscardImports,
    EraseContent,
    ImportOperation,
    StageImport,
)
from semvec.store.rows import memory_row, piece_row, run, term_rows


def carry_out(connection: Connection, operation: ImportOperation) -> int | bool:
    match operation:
        case BeginImport(at, number):
            begin = statements.BEGIN_IMPORT[connection.dialect.name]
            connection.execute(begin, {"number": number, "at": at})
            return -number
        case StageImport():
            return _stage(connection, operation)
        case DiscardImports(contents):
            return _discard(connection, contents)
        case EraseContent(content):
            return erase_more(connection, content)


def waits(connection: Connection, content: int) -> bool:
    """Whether an import is in progress; locks it for the rest of the transaction."""
    found = connection.execute(statements.LOCK_IMPORT, {"number": -content})
    return found.first() is not None


def adopt(connection: Connection, content: int) -> bool:
    """End an import whose rows a session adopts; return False if they are gone."""
    return bool(_end(connection, [content]))


def _end(connection: Connection, contents: Sequence[int]) -> list[int]:
    """End imports; return those that were in progress."""
    numbers = {"ids": [-content for content in contents]}
    return [-number for number in connection.scalars(statements.END_IMPORTS, numbers)]


def _discard(connection: Connection, contents: Sequence[int]) -> bool:
    ended = _end(connection, contents)  # content that a session has adopted stays
    erase(connection, ended)
    return bool(ended)


def _stage(connection: Connection, stage: StageImport) -> bool:
    alive = connection.execute(statements.KEEP_IMPORT, {"at_id": -stage.content, "now": stage.at})
    if alive.rowcount != 1:
        return False
    content, new = stage.content, stage.rows
    rows = [memory_row(content, row, None) for row in new.hot]
    rows += [memory_row(content, archived.row, 0) for archived in new.archived]
    terms = [row for archived in new.archived for row in term_rows(content, archived)]
    terms.sort(key=itemgetter("term", "memory_id"))  # in the index's order on disk
    run(connection, statements.ADD_MEMORY, rows)
    run(connection, statements.ADD_TERM, terms)
    run(connection, statements.ADD_PIECE, [piece_row(content, piece) for piece in new.pieces])
    return True
