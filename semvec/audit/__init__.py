"""Who did what: the audit log, to write, to read and to verify."""

from semvec.audit.decorator import audited
from semvec.audit.log import AuditLog, Event, audit_log
from semvec.audit.verify import Fault, Report

__all__ = ["AuditLog", "Event", "Fault", "Report", "audit_log", "audited"]
