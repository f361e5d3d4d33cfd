"""Durable storage: bytes in, bytes out, the same on SQLite and PostgreSQL."""

from semvec.store.errors import StoreError
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
    Refused,
    Replace,
    Rows,
    Snapshot,
    Stored,
)
from semvec.store.store import Store
from semvec.store.whole import Whole

__all__ = [
    "Append",
    "ArchivedRow",
    "Change",
    "Claim",
    "Create",
    "Delete",
    "Head",
    "Kind",
    "Made",
    "MemoryRow",
    "Part",
    "PieceRow",
    "Refused",
    "Replace",
    "Rows",
    "Snapshot",
    "Store",
    "StoreError",
    "Stored",
    "Whole",
]
