"""What is on record of the caller."""

from semvec.audit import AuditEvent
from semvec.paging import Page
from semvec.web.call import Call
from semvec.web.endpoint import endpoint
from semvec.web.schemas.audit import AuditQuery


@endpoint("GET", "/v1/audit/events", summary="What the caller has changed", errors=(400,))
async def list_audit_events(call: Call, query: AuditQuery) -> Page[AuditEvent]:
    """Newest first. `X-Total-Estimate` counts up to 10,000."""
    return await call.service.audit.query(subject=call.owner, **query.model_dump())


ENDPOINTS = (list_audit_events,)
