"""The caller's audit log."""

from semvec.audit import AuditEvent
from semvec.paging import Page
from semvec.web.call import Call
from semvec.web.endpoint import endpoint
from semvec.web.schemas.audit import AuditQuery


@endpoint("GET", "/v1/audit/events", summary="What the caller has changed", errors=(400,))
async def list_audit_events(call: Call, query: AuditQuery) -> Page[AuditEvent]:
    """Return the caller's audit events, newest first. `X-Total-Estimate` counts up to 10,000."""
    return await call.service.audit.query(subject=call.owner, **query.model_dump())


ENDPOINTS = (list_audit_events,)
