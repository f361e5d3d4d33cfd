"""Requests about what sessions pass on to each other, and what they agree on."""

from typing import Annotated

from pydantic import Field

from semvec.web.schemas.fields import Body, Drawn, Embedding, TextField


class DeltaTransferRequest(Body):
    """A state to pass on from one session to another."""

    source_session_id: TextField
    """The session whose state is passed on; it stays as it is."""
    target_session_id: TextField
    """The session whose state moves towards it."""
    max_weight: Annotated[float, Field(ge=0.0, le=1.0)] = 0.15
    """Largest share of the way; no more is gone than the source is trusted."""


class UserSwitchRequest(Body):
    """The user to make sessions for."""

    user_id: Annotated[TextField, Field(min_length=1, max_length=512), *Drawn]
    """Whose sessions are made from now on."""


class ConsensusProposalRequest(Body):
    """A direction to put to the vote."""

    proposer_session_id: TextField
    """The session that proposes; it does not vote."""
    target_embedding: Embedding
    """What is proposed: sessions whose states point that way are for it."""
