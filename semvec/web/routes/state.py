"""The state of a session, and recall."""

from semvec import answers
from semvec.web.call import Call
from semvec.web.endpoint import endpoint
from semvec.web.schemas.fields import SessionIdField
from semvec.web.schemas.state import ContextQuery, ContextRequest, MetricsQuery


@endpoint("GET", "/v1/metrics/{session_id}", summary="The semantic state", errors=(404,))
async def get_metrics(call: Call, session_id: SessionIdField) -> answers.Metrics:
    return await call.service.sessions.metrics(call.owner, session_id)


@endpoint("GET", "/v1/state/metrics", summary="The semantic state", errors=(404,))
async def get_state_metrics(call: Call, query: MetricsQuery) -> answers.Metrics:
    return await call.service.sessions.metrics(call.owner, query.session_id)


@endpoint("GET", "/v1/state/context", summary="Recall", errors=(404,))
async def get_context(call: Call, query: ContextQuery) -> answers.Context:
    """Recall memories for `q`, else for the pending question, else for the state."""
    return await _context(call, query, None)


@endpoint("POST", "/v1/state/context", summary="Recall", errors=(404,), changes=False)
async def post_context(call: Call, body: ContextRequest) -> answers.Context:
    """Recall as by GET, for a `q` of any form. With `q_embedding` the text is not encoded."""
    return await _context(call, body, body.q_embedding)


async def _context(
    call: Call, asked: ContextQuery, q_embedding: list[float] | None
) -> answers.Context:
    return await call.service.recall.context(
        call.owner,
        session_id=asked.session_id,
        q=asked.q,
        q_embedding=q_embedding,
        top_k=asked.top_k,
        full_first=asked.full_first,
        max_text_chars=asked.max_text_chars,
    )


ENDPOINTS = (get_metrics, get_state_metrics, get_context, post_context)
