"""The audit log: write, read and verify."""

from semvec.audit.decorator import audited
from semvec.audit.log import AuditEvent, AuditLog, audit_log
from semvec.audit.verify import ChainFault, ChainReport

__all__ = ["AuditEvent", "AuditLog", "ChainFault", "ChainReport", "audit_log", "audited"]
