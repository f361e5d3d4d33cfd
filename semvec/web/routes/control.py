"""Control of a session: triggers, anchors, isolation, memories added by hand."""

from semvec import answers
from semvec.session.events import IsolationLevel, MemoryTier
from semvec.web.call import Call
from semvec.web.endpoint import endpoint
from semvec.web.schemas.control import (
    AnchorRequest,
    IsolationRequest,
    MemoryInjectRequest,
    TriggerRequest,
)
from semvec.web.schemas.fields import SessionIdField

CHANGES = (404, 409, 503)


@endpoint("POST", "/v1/session/{session_id}/trigger", summary="Set a trigger", errors=CHANGES)
async def set_trigger(
    call: Call, session_id: SessionIdField, body: TriggerRequest
) -> answers.Triggers:
    """Boost memories that match the trigger when a query matches it."""
    return await call.service.control.set_trigger(
        call.owner,
        session_id,
        keyword=body.keyword,
        embedding=body.embedding,
        threshold=body.threshold,
    )


@endpoint(
    "DELETE", "/v1/session/{session_id}/trigger", summary="Remove all triggers", errors=CHANGES
)
async def clear_triggers(call: Call, session_id: SessionIdField) -> answers.Triggers:
    return await call.service.control.clear_triggers(call.owner, session_id)


@endpoint("POST", "/v1/session/{session_id}/anchor", summary="Set an anchor", errors=CHANGES)
async def set_anchor(
    call: Call, session_id: SessionIdField, body: AnchorRequest
) -> answers.Anchors:
    """Add an anchor. It influences recall, and pulls the state when that is far from every
    anchor."""
    return await call.service.control.set_anchor(call.owner, session_id, body.embedding)


@endpoint(
    "GET",
    "/v1/session/{session_id}/anchor_score",
    summary="How near the state is to its nearest anchor",
    errors=(404,),
)
async def get_anchor_score(call: Call, session_id: SessionIdField) -> answers.AnchorScore:
    return await call.service.control.anchor_score(call.owner, session_id)


@endpoint(
    "PUT", "/v1/session/{session_id}/isolation", summary="Set what is kept out", errors=CHANGES
)
async def set_isolation(
    call: Call, session_id: SessionIdField, body: IsolationRequest
) -> answers.Isolated:
    """Replace the level and both lists. Quarantined inputs stay quarantined."""
    return await call.service.control.isolate(
        call.owner,
        session_id,
        level=IsolationLevel(body.level),
        exclusion_embeddings=body.exclusion_embeddings or [],
        allowlist_embeddings=body.allowlist_embeddings or [],
        similarity_threshold=body.similarity_threshold,
    )


@endpoint(
    "POST",
    "/v1/session/{session_id}/isolation/release",
    summary="Learn what is held",
    errors=CHANGES,
)
async def release(call: Call, session_id: SessionIdField) -> answers.Released:
    """Learn quarantined inputs in the order of arrival. After an error the rest stays
    quarantined."""
    return await call.service.control.release(call.owner, session_id)


@endpoint(
    "POST",
    "/v1/session/{session_id}/memory",
    summary="Add a memory",
    errors=CHANGES,
    makes=("memory_hash",),
)
async def inject_memory(
    call: Call, session_id: SessionIdField, body: MemoryInjectRequest
) -> answers.Injected:
    """Add a memory. Isolation applies; state and drift do not change."""
    return await call.service.control.inject(
        call.owner,
        session_id,
        embedding=body.embedding,
        text=body.text,
        tier=MemoryTier[body.tier.upper()],
        importance=body.importance,
        access_count=body.access_count,
    )


ENDPOINTS = (
    set_trigger,
    clear_triggers,
    set_anchor,
    get_anchor_score,
    set_isolation,
    release,
    inject_memory,
)
