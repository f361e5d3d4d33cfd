"""The audit log: rows in chains, each chain written by one process.

The hash of a row is SHA-256 over the hash of the row before it in its chain (32 zero bytes for the
first) and a JSON array of the row's values, without white space. A chain begins with a row that
names the last rows of earlier chains, so that their ends cannot be cut off unnoticed either.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import orjson
from sqlalchemy import (
    ColumnElement,
    Connection,
    bindparam,
    delete,
    func,
    insert,
    select,
    update,
)
from sqlalchemy import Row as RowOf

from semvec.store.rows import SqlRow
from semvec.store.tables import audit_chains, audit_log

FIRST_HASH = bytes(32)
OPENED = "audit.open"
LOOKED_AT = 1000
"""Newest rows in which a new chain looks for the ends of other chains."""
MAX_COUNTED_ENTRIES = 10_000
"""Upper bound of the count of a list."""


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One audit entry. `subject` is empty if the caller is not authenticated; `details` are JSON,
    empty for none."""

    at: float
    subject: str
    action: str
    resource: str
    status: int
    request_id: str = ""
    client_ip: str | None = None
    details: str = ""


@dataclass(frozen=True, slots=True)
class RecordedEntry:
    """A row of the log."""

    id: int
    chain: int
    seq: int
    entry: AuditEntry
    hash: bytes


@dataclass(frozen=True, slots=True)
class ChainLink:
    """A row of a chain, by its number and its hash."""

    chain: int
    seq: int
    hash: bytes


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """A filter; None matches everything. Times are from `since` to before `until`."""

    subject: str | None = None
    action: str | None = None
    resource: str | None = None
    since: float | None = None
    until: float | None = None


ADD_ENTRY = insert(audit_log)
BEGIN_CHAIN = insert(audit_chains).values(at=bindparam("at")).returning(audit_chains.c.id)
NEWEST_ENTRIES = (
    select(audit_log.c.chain, audit_log.c.seq, audit_log.c.hash)
    .order_by(audit_log.c.id.desc())
    .limit(LOOKED_AT)
)
CHAINS = select(audit_chains.c.id, audit_chains.c.pruned_seq, audit_chains.c.pruned_hash)
OPENINGS = select(audit_log).where(audit_log.c.action == OPENED)
FOLLOWING = (
    select(audit_log)
    .where(audit_log.c.id > bindparam("after"))
    .order_by(audit_log.c.id)
    .limit(bindparam("limit"))
)
OLDEST_ENTRIES = (
    select(audit_log.c.id, audit_log.c.at, audit_log.c.chain, audit_log.c.seq, audit_log.c.hash)
    .order_by(audit_log.c.id)
    .limit(bindparam("most"))
    .with_for_update()
)
PRUNE = delete(audit_log).where(audit_log.c.id <= bindparam("last"))
MARK_PRUNED = (
    update(audit_chains)
    .where(audit_chains.c.id == bindparam("in_chain"))
    .values(pruned_seq=bindparam("last"), pruned_hash=bindparam("its_hash"))
)


def digest(previous: bytes, chain: int, seq: int, entry: AuditEntry) -> bytes:
    """Return the hash of a row whose predecessor has the hash `previous`."""
    said = [
        chain,
        seq,
        entry.at,
        entry.subject,
        entry.action,
        entry.resource,
        entry.status,
        entry.request_id,
        entry.client_ip,
        entry.details,
    ]
    return sha256(previous + orjson.dumps(said)).digest()


def record(
    connection: Connection, chain: ChainLink | None, entries: Sequence[AuditEntry]
) -> ChainLink | None:
    """Append rows to the chain that ends with this link, or to a new chain; return the new last
    link.

    The link is valid only after the commit: if the outcome is unknown, the caller begins a new
    chain.
    """
    if not entries:
        return chain
    rows: list[SqlRow] = []
    if chain is None:
        chain, opening = _opened(connection, entries[0].at)
        chain = _add(rows, chain, opening)
    for entry in entries:
        chain = _add(rows, chain, entry)
    connection.execute(ADD_ENTRY, rows)
    return chain


def _opened(connection: Connection, at: float) -> tuple[ChainLink, AuditEntry]:
    number = connection.execute(BEGIN_CHAIN, {"at": at}).scalar_one()
    ends: dict[int, tuple[int, bytes]] = {}
    for chain, seq, hash in connection.execute(NEWEST_ENTRIES):
        ends.setdefault(chain, (seq, hash))
    after = [[chain, seq, hash.hex()] for chain, (seq, hash) in sorted(ends.items())]
    details = orjson.dumps({"after": after}).decode()
    return ChainLink(number, 0, FIRST_HASH), AuditEntry(
        at, "", OPENED, f"chain/{number}", 200, details=details
    )


def _add(rows: list[SqlRow], link: ChainLink, entry: AuditEntry) -> ChainLink:
    number, seq = link.chain, link.seq + 1
    link = ChainLink(number, seq, digest(link.hash, number, seq, entry))
    rows.append(
        {
            "chain": number,
            "seq": seq,
            "at": entry.at,
            "subject": entry.subject,
            "action": entry.action,
            "resource": entry.resource,
            "status": entry.status,
            "request_id": entry.request_id,
            "client_ip": entry.client_ip,
            "details": entry.details,
            "hash": link.hash,
        }
    )
    return link


def prune(connection: Connection, before: float, most: int) -> bool:
    """Delete up to `most` of the oldest rows, as far as they are older than `before`; return False
    if there is none. The remaining rows of a chain are verified from the hash of the last deleted
    one."""
    old: dict[int, tuple[int, bytes]] = {}
    last = 0
    for number, at, chain, seq, hash in connection.execute(OLDEST_ENTRIES, {"most": most}):
        if at >= before:
            break
        last, old[chain] = number, (seq, hash)
    if not old:
        return False
    connection.execute(PRUNE, {"last": last})
    marks = [
        {"in_chain": chain, "last": seq, "its_hash": hash}
        for chain, (seq, hash) in sorted(old.items())
    ]
    connection.execute(MARK_PRUNED, marks)
    return True


def page(
    connection: Connection, wanted: AuditFilter, before: int | None, limit: int
) -> list[RecordedEntry]:
    """Return rows with an id below `before`, newest first."""
    statement = select(audit_log).where(*_conditions(wanted))
    if before is not None:
        statement = statement.where(audit_log.c.id < before)
    rows = connection.execute(statement.order_by(audit_log.c.id.desc()).limit(limit))
    return [_recorded(row) for row in rows]


def count(connection: Connection, wanted: AuditFilter) -> int:
    """Return the number of rows, at most MAX_COUNTED_ENTRIES."""
    some = select(audit_log.c.id).where(*_conditions(wanted)).limit(MAX_COUNTED_ENTRIES).subquery()
    return connection.execute(select(func.count()).select_from(some)).scalar_one()


def chains(connection: Connection) -> list[ChainLink]:
    """Return the link before the first row of each chain: the last row that was pruned."""
    return [
        ChainLink(number, seq, hash or FIRST_HASH)
        for number, seq, hash in connection.execute(CHAINS)
    ]


def openings(connection: Connection) -> list[RecordedEntry]:
    """Return the first row of each chain that still has it."""
    return [_recorded(row) for row in connection.execute(OPENINGS)]


def following(connection: Connection, after: int, limit: int) -> list[RecordedEntry]:
    """Return rows with an id above `after`, oldest first."""
    bounds = {"after": after, "limit": limit}
    return [_recorded(row) for row in connection.execute(FOLLOWING, bounds)]


def _conditions(wanted: AuditFilter) -> Iterator[ColumnElement[bool]]:
    for name in ("subject", "action", "resource"):
        if (value := getattr(wanted, name)) is not None:
            yield audit_log.c[name] == value
    if wanted.since is not None:
        yield audit_log.c.at >= wanted.since
    if wanted.until is not None:
        yield audit_log.c.at < wanted.until


def _recorded(row: RowOf[Any]) -> RecordedEntry:
    entry = AuditEntry(
        at=row.at,
        subject=row.subject,
        action=row.action,
        resource=row.resource,
        status=row.status,
        request_id=row.request_id,
        client_ip=row.client_ip,
        details=row.details,
    )
    return RecordedEntry(row.id, row.chain, row.seq, entry, row.hash)
