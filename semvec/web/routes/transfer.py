"""Export, import and verify whole sessions."""

from operator import attrgetter

from aiohttp import hdrs

from semvec import answers
from semvec.web.body import Upload
from semvec.web.call import Call
from semvec.web.endpoint import endpoint
from semvec.web.reply import Download
from semvec.web.schemas.fields import SessionIdField
from semvec.web.schemas.transfer import ImportRequest, VerifyRequest


@endpoint("GET", "/v1/session/{session_id}/export", summary="All of a session", errors=(404, 503))
async def export_session(call: Call, session_id: SessionIdField) -> Download[answers.Exported]:
    if call.request.method == hdrs.METH_HEAD:
        await call.service.transfers.find_export(call.owner, session_id)
        return Download(None)
    return Download(await call.service.transfers.export(call.owner, session_id))


@endpoint(
    "POST",
    "/v1/session/{session_id}/import",
    summary="Replace all of a session",
    errors=(404, 409, 503),
    limit=attrgetter("max_import_bytes"),
)
async def import_session(
    call: Call, session_id: SessionIdField, body: Upload[ImportRequest]
) -> answers.Imported:
    """Replace a session with an export of a session of the same dimension and model."""
    return await call.service.transfers.load(call.owner, session_id, body.into)


@endpoint(
    "POST",
    "/v1/session/{session_id}/verify",
    summary="Compare a session with storage",
    errors=(404, 503),
    changes=False,
)
async def verify_session(
    call: Call, session_id: SessionIdField, body: VerifyRequest
) -> answers.Verified:
    """Compare a session with its stored copy. Each of `test_embeddings` must recall the same from
    both."""
    return await call.service.verification.verify(call.owner, session_id, body.test_embeddings)


ENDPOINTS = (export_session, import_session, verify_session)
