"""Writes as they are where the test does not care about the line of the session."""

from dataclasses import replace

from sqlalchemy import Connection, select

from semvec.store import Append, Head, Operation, Snapshot, Store, line_after
from semvec.store.tables import content_key, events, sessions


async def append(store: Store, appended: Append, *parts: Operation) -> bool:
    """Append on the line of the head as it is now."""
    line = await line_at(store, appended.key, appended.seq)
    return await store.append(replace(appended, line=line), *parts)


async def save_snapshot(store: Store, snapshot: Snapshot) -> bool:
    """Save a snapshot of the line that leads to the head."""
    line = await line_at(store, snapshot.key, snapshot.seq)
    return await store.save_snapshot(replace(snapshot, line=line))


async def line_at(store: Store, key: int, seq: int) -> bytes | None:
    """The line of a session as of this seq, as far as its journal tells."""
    return await store.query(_line_at, key, seq)


def _line_at(connection: Connection, key: int, seq: int) -> bytes | None:
    head = connection.execute(select(sessions).where(sessions.c.key == key)).first()
    if head is None or head.seq == seq:
        return None if head is None else head.line
    first = select(events.c.payload).join(sessions, content_key == events.c.key)
    upto = first.where(sessions.c.key == key, events.c.seq <= seq).order_by(events.c.seq)
    return line_after(None, connection.scalars(upto))


def in_line(head: Head, *appends: Append) -> list[Append]:
    """The appends, each on the line of the head that those before it lead to; one for a seq that
    none of them leads to is on a line of its own."""
    lines = {head.seq: head.line}
    placed: list[Append] = []
    for each in appends:
        placed.append(replace(each, line=lines.get(each.seq, b"of none")))
        lines.setdefault(placed[-1].last_seq, placed[-1].next_line)
    return placed
