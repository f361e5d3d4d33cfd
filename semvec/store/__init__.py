"""Durable storage: bytes in, bytes out, the same on SQLite and PostgreSQL."""

from semvec.store.errors import StoreError
from semvec.store.records import (
    Append,
    ArchivedRow,
    Head,
    MemoryRow,
    PieceRow,
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
    "Head",
    "MemoryRow",
    "PieceRow",
    "Replace",
    "Rows",
    "Snapshot",
    "Store",
    "StoreError",
    "Stored",
    "Whole",
]
