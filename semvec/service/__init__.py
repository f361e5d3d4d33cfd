"""The operations of the server, over cached sessions, intake, storage and the embedder."""

from semvec.service.idempotency import IdempotentRequest, StoredResponse
from semvec.service.service import Service, open_service
from semvec.store import AuditInfo, WriteContext, write_context

__all__ = [
    "AuditInfo",
    "IdempotentRequest",
    "Service",
    "StoredResponse",
    "WriteContext",
    "open_service",
    "write_context",
]
