"""What the writer is handed: operations, and what goes on record where they take effect."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, text

from semvec.store import audit, journal
from semvec.store.audit import AuditEntry, ChainLink
from semvec.store.records import Conflicted, WriteOutcome, WriterOperation

HURRY = text("SET LOCAL lock_timeout = '250ms'")
"""Many times what a transaction of this program takes."""


@dataclass(frozen=True, slots=True)
class QueuedWrite:
    operation: WriterOperation
    entries: tuple[AuditEntry, ...] = ()


def carry_out(
    connection: Connection,
    writes: Sequence[QueuedWrite],
    chain: ChainLink | None,
    *,
    hurried: bool = False,
) -> tuple[list[WriteOutcome], ChainLink | None]:
    """Run a batch inside the open transaction; the outcomes, and how far the chain has come. One
    that is `hurried` fails soon where others keep a lock (SQLite has one lock for all)."""
    if hurried and connection.dialect.name == "postgresql":
        connection.execute(HURRY)
    outcomes = journal.write(connection, [each.operation for each in writes])
    entries = [
        entry
        for each, outcome in zip(writes, outcomes, strict=True)
        if each.entries and succeeded(outcome)
        for entry in each.entries
    ]
    return outcomes, audit.record(connection, chain, entries)


def succeeded(outcome: WriteOutcome) -> bool:
    return not (outcome is None or outcome is False or isinstance(outcome, Conflicted))
