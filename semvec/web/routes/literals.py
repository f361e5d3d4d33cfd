"""The literal cache: values stored by key, byte for byte."""

from semvec import answers
from semvec.errors import FieldFault, Invalid
from semvec.paging import Excerpt
from semvec.segments import REWRITTEN, is_rewritten
from semvec.web.call import Call
from semvec.web.endpoint import endpoint
from semvec.web.schemas.fields import EntityKey, SessionIdField
from semvec.web.schemas.literals import EntityCreate, EntityKeyQuery, EntityQuery


@endpoint(
    "POST",
    "/v1/session/{session_id}/entities",
    summary="Store a value under its key",
    errors=(400, 404, 409, 503),
    statuses=(201,),
    makes=("key",),
)
async def put_entity(
    call: Call, session_id: SessionIdField, body: EntityCreate
) -> answers.EntityStored:
    """Store a value. An existing key gets the new value and keeps its access count."""
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
    call: Call, session_id: SessionIdField, query: EntityQuery
) -> Excerpt[answers.Entities]:
    """Find values that contain every word of `q` or a word that begins with it; all without `q`."""
    return await call.service.literals.find(
        call.owner, session_id, q=query.q, max_results=query.max_results, cursor=query.cursor
    )


@endpoint(
    "DELETE",
    "/v1/session/{session_id}/entities",
    summary="Remove a value",
    errors=(404, 409, 503),
)
async def delete_entity(
    call: Call, session_id: SessionIdField, query: EntityKeyQuery
) -> answers.EntityRemoved:
    """Remove a value. This form works for every key and behind every proxy, as no proxy rewrites a
    query string."""
    return await call.service.literals.remove(call.owner, session_id, query.key)


@endpoint(
    "DELETE",
    "/v1/session/{session_id}/entities/{key:(?s:.+)}",
    summary="Remove a value by a key in the path",
    errors=(404, 409, 503),
)
async def remove_entity(
    call: Call, session_id: SessionIdField, key: EntityKey
) -> answers.EntityRemoved:
    """Remove a value. The key is the rest of the path, slashes included. A key with `.`, `..` or
    nothing between two slashes is refused here, since a proxy that normalises paths would change
    it; send it as `?key=`."""
    if is_rewritten(key):
        msg = f"the key {REWRITTEN}: send it as ?key= instead"
        raise Invalid(FieldFault(loc=["path", "key"], msg=msg, type="path_segment"))
    return await call.service.literals.remove(call.owner, session_id, key)


ENDPOINTS = (put_entity, find_entities, delete_entity, remove_entity)
