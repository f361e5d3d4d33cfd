"""Erase the rows of orphans: contents that no session owns.

Small contents are deleted at once. Large ones are deleted in batches, so that the writer is not
blocked; they are already unreachable and only take space.
"""

from collections.abc import Sequence

from sqlalchemy import Connection

from semvec.store import statements
from semvec.store.repeats import erase_answers
from semvec.store.rows import run

ERASE_BATCH = 64
"""Memories that are erased in one transaction."""


def erase(connection: Connection, contents: Sequence[int]) -> None:
    if not contents:
        return
    sizes = connection.execute(statements.MANY_MEMORIES, {"keys": contents, "many": ERASE_BATCH})
    large = {content for (content,) in sizes}
    run(connection, statements.ADD_ORPHANS, [{"content": content} for content in sorted(large)])
    if small := [content for content in contents if content not in large]:
        _erase_all(connection, small)


def erase_heads(connection: Connection, keys: Sequence[int]) -> None:
    """Delete the heads of sessions, and all rows that name them."""
    if not keys:
        return
    erase_answers(connection, keys)
    for lock, delete in statements.ERASE_NAMING_HEADS:
        if connection.execute(lock, {"keys": keys}).first() is not None:
            connection.execute(delete, {"keys": keys})
    connection.execute(statements.ERASE_HEADS, {"keys": keys})


def erase_more(connection: Connection, content: int) -> bool:
    """Erase one batch; return whether more is left. Return False if another server is erasing this
    content."""
    bounds = {"at": content, "many": ERASE_BATCH}
    if connection.execute(statements.LOCK_ORPHANS, {"content": content}).first() is None:
        return False
    ids = connection.scalars(statements.OLDEST_MEMORIES, bounds).all()
    if len(ids) < ERASE_BATCH:
        _erase_all(connection, [content])
        connection.execute(statements.DROP_ORPHANS, {"at": content})
        return False
    run(connection, statements.DROP_TERMS_UP_TO, [{"at": content, "last": ids[-1]}])
    run(connection, statements.DROP_MEMORIES_UP_TO, [{"at": content, "last": ids[-1]}])
    return True


def _erase_all(connection: Connection, contents: Sequence[int]) -> None:
    for statement in statements.ERASE_CONTENT:
        connection.execute(statement, {"keys": contents})
