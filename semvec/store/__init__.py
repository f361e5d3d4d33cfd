"""Durable storage: bytes in, bytes out, the same on SQLite and PostgreSQL."""

from semvec.store.audit import AuditEntry, AuditFilter, ChainLink, RecordedEntry
from semvec.store.errors import StoreError
from semvec.store.line import line_after
from semvec.store.records import (
    Append,
    ArchivedRow,
    Conflicted,
    Create,
    CreatedHeads,
    Delete,
    GuardedChange,
    Head,
    HeadSummary,
    MemoryRow,
    Operation,
    PieceRow,
    Replace,
    SessionKind,
    Snapshot,
    StagedRows,
    StoredSession,
    UniqueRow,
)
from semvec.store.repeats import AnswerRow, StoredAnswer
from semvec.store.revoked import Listed
from semvec.store.session_reader import SessionSnapshotReader
from semvec.store.store import Store
from semvec.store.unit_of_work import (
    AuditInfo,
    UnitOfWork,
    WriteContext,
    current_unit_of_work,
    write_context,
)

__all__ = [
    "AnswerRow",
    "Append",
    "ArchivedRow",
    "AuditEntry",
    "AuditFilter",
    "AuditInfo",
    "ChainLink",
    "Conflicted",
    "Create",
    "CreatedHeads",
    "Delete",
    "GuardedChange",
    "Head",
    "HeadSummary",
    "Listed",
    "MemoryRow",
    "Operation",
    "PieceRow",
    "RecordedEntry",
    "Replace",
    "SessionKind",
    "SessionSnapshotReader",
    "Snapshot",
    "StagedRows",
    "Store",
    "StoreError",
    "StoredAnswer",
    "StoredSession",
    "UniqueRow",
    "UnitOfWork",
    "WriteContext",
    "current_unit_of_work",
    "line_after",
    "write_context",
]
