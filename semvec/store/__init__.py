"""Durable storage: bytes in, bytes out, the same on SQLite and PostgreSQL."""

from semvec.store.errors import StoreError
from semvec.store.records import (
    Append,
    ArchivedRow,
    Head,
    MemoryRow,
    Snapshot,
    Stored,
)
from semvec.store.store import Store

__all__ = [
    "Append",
    "ArchivedRow",
    "Head",
    "MemoryRow",
    "Snapshot",
    "Store",
    "StoreError",
    "Stored",
]
