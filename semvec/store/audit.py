"""The audit log: rows in chains, each written by one process and hashed on top of the row before.

The hash of a row is SHA-256 over the hash of the row before it in its chain (32 zero bytes for the
first) and a JSON array of all that the row says, without white space. A chain begins with a row
that names the last rows of the chains before it, so that those cannot lose their ends either.
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

from semvec.store.rows import Row
from semvec.store.tables import audit_chains, audit_log

FIRST = bytes(32)
OPENED = "audit.open"
NAMED = 64
"""Chains, the newest ones, whose last rows a new chain names."""
COUNTED = 10_000
"""Rows that are counted for a list at most."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What is put on record. `subject` is empty where nobody has proved who asked; `details` are
    JSON, empty for none."""

    at: float
    subject: str
    action: str
    resource: str
    status: int
    request_id: str = ""
    client_ip: str | None = None
    details: str = ""


@dataclass(frozen=True, slots=True)
class Recorded:
    """A row of the log."""

    id: int
    chain: int
    seq: int
    entry: Entry
    hash: bytes


@dataclass(frozen=True, slots=True)
class Link:
    """A row of a chain, by its place and its hash."""

    chain: int
    seq: int
    hash: bytes


@dataclass(frozen=True, slots=True)
class Filter:
    """None lets everything pass; times are from `since` to before `until`."""

    subject: str | None = None
    action: str | None = None
    resource: str | None = None
    since: float | None = None
    until: float | None = None


ADD_ENTRY = insert(audit_log)
BEGIN_CHAIN = insert(audit_chains).values(at=bindparam("at")).returning(audit_chains.c.id)
_rows = audit_log.alias("its_rows")
_last_seq = (
    select(func.max(_rows.c.seq)).where(_rows.c.chain == audit_chains.c.id).scalar_subquery()
)
LAST_ROWS = (
    select(audit_log.c.chain, audit_log.c.seq, audit_log.c.hash)
    .join(audit_chains, audit_log.c.chain == audit_chains.c.id)
    .where(
        audit_log.c.seq == _last_seq,
        audit_chains.c.id >= bindparam("oldest"),
        audit_chains.c.id < bindparam("before"),
    )
    .order_by(audit_log.c.chain)
)
CHAINS = select(audit_chains.c.id, audit_chains.c.pruned_seq, audit_chains.c.pruned_hash).order_by(
    audit_chains.c.id
)
OPENINGS = (
    select(audit_log)
    .join(audit_chains, audit_log.c.chain == audit_chains.c.id)
    .where(audit_log.c.seq == 1)
)
IN_CHAIN = (
    select(audit_log)
    .where(audit_log.c.chain == bindparam("chain"), audit_log.c.seq > bindparam("after"))
    .order_by(audit_log.c.seq)
    .limit(bindparam("limit"))
)
_oldest_at = (
    select(_rows.c.at)
    .where(
        _rows.c.chain == audit_chains.c.id,
        _rows.c.seq == audit_chains.c.pruned_seq + 1,
    )
    .scalar_subquery()
)
OLD_CHAIN = (
    select(audit_chains.c.id, audit_chains.c.pruned_seq, _last_seq)
    .where(_oldest_at < bindparam("before"), _last_seq > audit_chains.c.pruned_seq + 1)
    .limit(1)
    .with_for_update(skip_locked=True)
)
PRUNE = delete(audit_log).where(
    audit_log.c.chain == bindparam("in_chain"), audit_log.c.seq <= bindparam("last")
)
MARK_PRUNED = (
    update(audit_chains)
    .where(audit_chains.c.id == bindparam("in_chain"))
    .values(pruned_seq=bindparam("last"), pruned_hash=bindparam("its_hash"))
)


def digest(previous: bytes, chain: int, seq: int, entry: Entry) -> bytes:
    """The hash of a row after one whose hash is `previous`."""
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


def record(connection: Connection, chain: Link | None, entries: Sequence[Entry]) -> Link | None:
    """Add rows to the chain that ends with this link, or to a new one; the link they end with.

    It counts only once the transaction is committed: whoever cannot tell begins a new chain.
    """
    if not entries:
        return chain
    rows: list[Row] = []
    if chain is None:
        chain, opening = _opened(connection, entries[0].at)
        chain = _add(rows, chain, opening)
    for entry in entries:
        chain = _add(rows, chain, entry)
    connection.execute(ADD_ENTRY, rows)
    return chain


def _opened(connection: Connection, at: float) -> tuple[Link, Entry]:
    number = connection.execute(BEGIN_CHAIN, {"at": at}).scalar_one()
    bounds = {"oldest": number - NAMED, "before": number}
    ends = [[chain, seq, hash.hex()] for chain, seq, hash in connection.execute(LAST_ROWS, bounds)]
    details = orjson.dumps({"after": ends}).decode()
    return Link(number, 0, FIRST), Entry(at, "", OPENED, f"chain/{number}", 200, details=details)


def _add(rows: list[Row], link: Link, entry: Entry) -> Link:
    number, seq = link.chain, link.seq + 1
    link = Link(number, seq, digest(link.hash, number, seq, entry))
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
    """Delete up to so many of the oldest rows of a chain that are of before this time, never its
    last row; False where there are none. What is left is checked from the hash of what went."""
    found = connection.execute(OLD_CHAIN, {"before": before}).first()
    if found is None:
        return False
    number, pruned, last = found
    bounds = {"chain": number, "after": pruned, "limit": most}
    old: list[Recorded] = []
    for each in in_chain(connection, **bounds):
        if each.entry.at >= before or each.seq == last:
            break
        old.append(each)
    cut = {"in_chain": number, "last": old[-1].seq}
    connection.execute(PRUNE, cut)
    connection.execute(MARK_PRUNED, {**cut, "its_hash": old[-1].hash})
    return True


def page(connection: Connection, wanted: Filter, before: int | None, limit: int) -> list[Recorded]:
    """Rows with an id below `before`, newest first."""
    statement = select(audit_log).where(*_conditions(wanted))
    if before is not None:
        statement = statement.where(audit_log.c.id < before)
    rows = connection.execute(statement.order_by(audit_log.c.id.desc()).limit(limit))
    return [_recorded(row) for row in rows]


def count(connection: Connection, wanted: Filter) -> int:
    """How many rows there are, as far as COUNTED."""
    some = select(audit_log.c.id).where(*_conditions(wanted)).limit(COUNTED).subquery()
    return connection.execute(select(func.count()).select_from(some)).scalar_one()


def chains(connection: Connection) -> list[Link]:
    """Where each chain begins: after the last row that is pruned."""
    return [Link(number, seq, hash or FIRST) for number, seq, hash in connection.execute(CHAINS)]


def openings(connection: Connection) -> list[Recorded]:
    """The first rows of all chains that still have theirs."""
    return [_recorded(row) for row in connection.execute(OPENINGS)]


def in_chain(connection: Connection, chain: int, after: int, limit: int) -> list[Recorded]:
    bounds = {"chain": chain, "after": after, "limit": limit}
    return [_recorded(row) for row in connection.execute(IN_CHAIN, bounds)]


def _conditions(wanted: Filter) -> Iterator[ColumnElement[bool]]:
    for name in ("subject", "action", "resource"):
        if (value := getattr(wanted, name)) is not None:
            yield audit_log.c[name] == value
    if wanted.since is not None:
        yield audit_log.c.at >= wanted.since
    if wanted.until is not None:
        yield audit_log.c.at < wanted.until


def _recorded(row: RowOf[Any]) -> Recorded:
    entry = Entry(
        at=row.at,
        subject=row.subject,
        action=row.action,
        resource=row.resource,
        status=row.status,
        request_id=row.request_id,
        client_ip=row.client_ip,
        details=row.details,
    )
    return Recorded(row.id, row.chain, row.seq, entry, row.hash)
