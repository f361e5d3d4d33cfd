"""State transfers, votes and users."""

from semvec import answers
from semvec.web.call import Call
from semvec.web.endpoint import endpoint
from semvec.web.schemas.fields import UserId
from semvec.web.schemas.network import (
    ConsensusProposalRequest,
    DeltaTransferRequest,
    UserSwitchRequest,
)


@endpoint(
    "POST",
    "/v1/network/transfer",
    summary="Move a session's state towards another's",
    errors=(404, 409, 503),
)
async def transfer(call: Call, body: DeltaTransferRequest) -> answers.Transferred:
    return await call.service.network.transfer(
        call.owner,
        source_session_id=body.source_session_id,
        target_session_id=body.target_session_id,
        max_weight=body.max_weight,
    )


@endpoint("POST", "/v1/network/users/switch", summary="Make sessions for a user", errors=(503,))
async def switch_user(call: Call, body: UserSwitchRequest) -> answers.Switched:
    """Switch to a user, created if new. Sessions of all users stay accessible."""
    return await call.service.users.switch(call.owner, body.user_id)


@endpoint("GET", "/v1/network/users/active", summary="For whom sessions are made", errors=(503,))
async def active_user(call: Call) -> answers.ActiveUser:
    """Return the active user, `default` before the first switch."""
    return await call.service.users.active(call.owner)


@endpoint(
    "POST",
    "/v1/network/users/{user_id:(?s:.+)}/serialize",
    summary="What a user has",
    errors=(404, 503),
    changes=False,
)
async def serialize_user(call: Call, user_id: UserId) -> answers.SerializedUser:
    return await call.service.users.serialize(call.owner, user_id)


@endpoint(
    "POST",
    "/v1/network/consensus",
    summary="Put a direction to the vote of the other sessions",
    errors=(404, 503),
)
async def propose(call: Call, body: ConsensusProposalRequest) -> answers.Consensus:
    """Vote on a direction. `trust_scores` lists the voters' trust after the vote."""
    return await call.service.network.propose(
        call.owner, body.proposer_session_id, body.target_embedding
    )


@endpoint(
    "GET",
    "/v1/network/consensus/trust",
    summary="How far the sessions used last are trusted",
    errors=(503,),
)
async def get_trust(call: Call) -> answers.Trust:
    return await call.service.network.trust(call.owner)


ENDPOINTS = (transfer, switch_user, active_user, serialize_user, propose, get_trust)
