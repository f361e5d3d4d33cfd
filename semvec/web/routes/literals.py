"""The literal cache: values by key, byte for byte."""

from semvec import answers
from semvec.paging import Excerpt
from semvec.web.call import Call
from semvec.web.endpoint import endpoint
from semvec.web.schemas.fields import EntityKey, SessionId
from semvec.web.schemas.literals import EntityCreate, EntityQuery


@endpoint(
    "POST",
    "/v1/session/{session_id}/entities",
    summary="Store a value under its key",
    errors=(400, 404, 409, 503),
    statuses=(201,),
    makes=("key",),
)
async def put_entity(call: Call, session_id: SessionId, body: EntityCreate) -> answers.EntityStored:
    """A key that is there already gets the new value and keeps its access count."""
    return await call.service.literals.put(
        call.owner,
        session_id,
        key=body.key,
        kind=body.kind,
        value=body.value,
        context=body.context,
        importance=body.importance,
    )


@endpoint(
    "GET", "/v1/session/{session_id}/entities", summary="Find values by words", errors=(400, 404)
)
async def find_entities(
    call: Call, session_id: SessionId, query: EntityQuery
) -> Excerpt[answers.Entities]:
    """Those with every word of `q`, or one that begins so; without `q`, all."""
    return await call.service.literals.find(
        call.owner, session_id, q=query.q, max_results=query.max_results, cursor=query.cursor
    )


@endpoint(
    "DELETE",
    "/v1/session/{session_id}/entities/{key:(?s:.+)}",
    summary="Remove a value",
    errors=(404, 409, 503),
)
async def remove_entity(call: Call, session_id: SessionId, key: EntityKey) -> answers.EntityRemoved:
    """The key is all that follows, slashes included; `removed` is false where there was none."""
    return await call.service.literals.remove(call.owner, session_id, key)


ENDPOINTS = (put_entity, find_entities, remove_entity)
