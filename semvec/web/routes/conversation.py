"""Conversation turns."""

from semvec import answers
from semvec.web.call import Call
from semvec.web.endpoint import endpoint
from semvec.web.schemas.conversation import RunRequest, StoreRequest


@endpoint("POST", "/v1/run", summary="Recall for a message, and learn it", errors=(404, 409, 503))
async def run(call: Call, body: RunRequest) -> answers.Run:
    return await call.service.conversation.run(
        call.owner,
        message=body.message,
        session_id=body.session_id,
        response=body.response,
        short_circuit_threshold=body.short_circuit_threshold,
        reset_context=body.reset_context,
        learn=body.learn,
        message_embedding=body.message_embedding,
        response_embedding=body.response_embedding,
    )


@endpoint(
    "POST",
    "/v1/store",
    summary="Learn a response",
    errors=(404, 409, 503),
    makes=("memory_hash",),
)
async def store(call: Call, body: StoreRequest) -> answers.Stored:
    return await call.service.conversation.store(
        call.owner,
        session_id=body.session_id,
        response=body.response,
        response_embedding=body.response_embedding,
    )


ENDPOINTS = (run, store)
