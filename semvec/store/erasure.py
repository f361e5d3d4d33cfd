"""Rows of contents that no session has any more: gone at once, where they are many piece by piece.

Nobody finds them from the moment that no session points to them; what is left is to free the room,
without holding up the writer.
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
    """Sessions whose contents are erased, and all that names them."""
    if not keys:
        return
    erase_answers(connection, keys)
    for lock, delete in statements.ERASE_NAMING_HEADS:
        if connection.execute(lock, {"keys": keys}).first() is not None:
            connection.execute(delete, {"keys": keys})
    connection.execute(statements.ERASE_HEADS, {"keys": keys})


def erase_more(connection: Connection, content: int) -> bool:
    """Whether anything is left; False too where another server is at it."""
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
