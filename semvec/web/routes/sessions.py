"""Sessions: create, list, read and erase."""

from semvec import answers
from semvec.intake import NewSession
from semvec.paging import Page
from semvec.web.call import Call
from semvec.web.endpoint import endpoint
from semvec.web.schemas.fields import MemoryHash, SessionIdField
from semvec.web.schemas.sessions import CreateSessionRequest, SessionListQuery


@endpoint(
    "POST", "/v1/session/create", summary="Make a session", errors=(409, 503), makes=("session_id",)
)
async def create_session(call: Call, body: CreateSessionRequest) -> answers.Created:
    """Create a session. An existing id is answered with `created: false`."""
    wanted = NewSession(**body.model_dump(exclude={"session_id"}))
    return await call.service.sessions.create(call.owner, body.session_id, wanted)


@endpoint("GET", "/v1/session/", summary="List the caller's sessions", errors=(400,))
async def list_sessions(call: Call, query: SessionListQuery) -> Page[answers.SessionItem]:
    return await call.service.sessions.page(call.owner, limit=query.limit, cursor=query.cursor)


@endpoint("DELETE", "/v1/session/{session_id}", summary="Erase a session", errors=(404, 409, 503))
async def delete_session(call: Call, session_id: SessionIdField) -> answers.ClosedSession:
    return await call.service.sessions.delete(call.owner, session_id)


@endpoint(
    "GET",
    "/v1/session/{session_id}/memories/{memory_hash}",
    summary="One memory in full",
    errors=(404,),
)
async def get_memory(
    call: Call, session_id: SessionIdField, memory_hash: MemoryHash
) -> answers.ExpandedMemory:
    return await call.service.recall.memory(call.owner, session_id, memory_hash)


ENDPOINTS = (create_session, list_sessions, delete_session, get_memory)
