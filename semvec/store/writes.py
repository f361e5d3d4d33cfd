"""What the writer is handed: operations, and what goes on record where they take effect."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, text

from semvec.store import audit, journal
from semvec.store.audit import Entry, Link
from semvec.store.records import Operation, Outcome, Refused

HURRY = text("SET LOCAL lock_timeout = '250ms'")
"""Many times what a transaction of this program takes."""


@dataclass(frozen=True, slots=True)
class Write:
    operation: Operation
    entries: tuple[Entry, ...] = ()


def carry_out(
    connection: Connection, writes: Sequence[Write], chain: Link | None, *, hurried: bool = False
) -> tuple[list[Outcome], Link | None]:
    """Run a batch inside the open transaction; the outcomes, and how far the chain has come. One
    that is `hurried` fails soon where others keep a lock (SQLite has one lock for all)."""
    if hurried and connection.dialect.name == "postgresql":
        connection.execute(HURRY)
    outcomes = journal.write(connection, [each.operation for each in writes])
    entries = [
        entry
        for each, outcome in zip(writes, outcomes, strict=True)
        if each.entries and took_effect(outcome)
        for entry in each.entries
    ]
    return outcomes, audit.record(connection, chain, entries)


def took_effect(outcome: Outcome) -> bool:
    return not (outcome is None or outcome is False or isinstance(outcome, Refused))
