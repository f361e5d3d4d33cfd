"""What the writer is handed: operations, and what goes on record where they take effect."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from semvec.store import audit, journal
from semvec.store.audit import Entry, Link
from semvec.store.records import Operation, Outcome, Refused


@dataclass(frozen=True, slots=True)
class Write:
    operation: Operation
    entries: tuple[Entry, ...] = ()


def carry_out(
    connection: Connection, writes: Sequence[Write], chain: Link | None
) -> tuple[list[Outcome], Link | None]:
    """Run a batch inside the open transaction; the outcomes, and how far the chain has come."""
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
