"""The writer's batches: operations, with the audit entries to record if they take effect."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, text

from semvec.store import audit, journal
from semvec.store.audit import AuditEntry, ChainLink
from semvec.store.records import Conflicted, WriteOutcome, WriterOperation

HURRY = text("SET LOCAL lock_timeout = '250ms'")
"""A lock timeout, many times as long as a transaction of this program takes."""


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
    """Run a batch inside the open transaction; return the outcomes and the last link of the chain.

    `hurried` shortens the lock timeout (SQLite has one lock for everything).
    """
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
