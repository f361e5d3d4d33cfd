"""Requests for transfers, users and votes."""

from typing import Annotated

from pydantic import Field

from semvec.web.schemas.fields import Body, Drawn, Embedding, TextField


class DeltaTransferRequest(Body):
    """A transfer of state from one session to another."""

    source_session_id: TextField
    """The session whose state is transferred; it does not change."""
    target_session_id: TextField
    """The session whose state moves towards the source's."""
    max_weight: Annotated[float, Field(ge=0.0, le=1.0)] = 0.15
    """Maximum share of the distance; the source's trust limits it too."""


class UserSwitchRequest(Body):
    """The user to switch to."""

    user_id: Annotated[TextField, Field(min_length=1, max_length=512), *Drawn]
    """The user that new sessions belong to."""


class ConsensusProposalRequest(Body):
    """A direction to vote on."""

    proposer_session_id: TextField
    """The session that proposes; it does not vote."""
    target_embedding: Embedding
    """The proposed direction; sessions whose states point that way vote for it."""
