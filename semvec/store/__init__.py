"""Durable storage: bytes in, bytes out, the same on SQLite and PostgreSQL."""

from semvec.store.audit import Entry, Filter, Link, Recorded
from semvec.store.effect import Effect, Receipt, Unit, doing, unit_at_work
from semvec.store.errors import StoreError
from semvec.store.line import line_after
from semvec.store.records import (
    Append,
    ArchivedRow,
    Change,
    Claim,
    Create,
    Delete,
    Head,
    Kind,
    Made,
    MemoryRow,
    Part,
    PieceRow,
    Place,
    Refused,
    Replace,
    Rows,
    Snapshot,
    Stored,
)
from semvec.store.repeats import Kept, Repeat
from semvec.store.revoked import Listed
from semvec.store.store import Store
from semvec.store.whole import Whole

__all__ = [
    "Append",
    "ArchivedRow",
    "Change",
    "Claim",
    "Create",
    "Delete",
    "Effect",
    "Entry",
    "Filter",
    "Head",
    "Kept",
    "Kind",
    "Link",
    "Listed",
    "Made",
    "MemoryRow",
    "Part",
    "PieceRow",
    "Place",
    "Receipt",
    "Recorded",
    "Refused",
    "Repeat",
    "Replace",
    "Rows",
    "Snapshot",
    "Store",
    "StoreError",
    "Stored",
    "Unit",
    "Whole",
    "doing",
    "line_after",
    "unit_at_work",
]
