"""State transfer between sessions, and consensus votes."""

import asyncio
from collections.abc import Sequence

import numpy as np

from semvec import answers
from semvec.cache import SessionCache, session_not_found
from semvec.errors import Conflict, Unavailable
from semvec.groups.network import MOST_VOTERS, Reputation, delta_norm, poll, transfer_delta
from semvec.store import Store, trust
from semvec.store.trust import RecordVotes, VoteOutcome, Voter
from semvec.vectors import Vector, normalised, unit_vector

MAX_TRANSFER_ATTEMPTS = 100
"""Conflicts with other proposals of the same voters before one fails."""


class Network:
    def __init__(self, store: Store, hot: SessionCache) -> None:
        self._store, self._hot = store, hot

    async def transfer(
        self, owner: str, *, source_session_id: str, target_session_id: str, max_weight: float
    ) -> answers.Transferred:
        """Move the target's state towards the source's, limited by the trust in the source."""
        target = await self._hot.get((owner, target_session_id))
        dimension = target.session.profile.dimension
        source = await self._hot.get((owner, source_session_id))
        if source.session.profile.dimension != dimension:
            dimensions = source.session.profile.dimension, dimension
            raise Conflict("the sessions' dimensions are {} and {}".format(*dimensions))
        found = await self._store.query(trust.reputations, [source.key])
        source = await self._hot.refresh(source)
        if source.key not in found:
            raise session_not_found(source_session_id)
        share = transfer_delta(max_weight, Reputation(*found[source.key]))
        toward = source.session.state.mean.astype(np.float32)
        norm = 0.0
        if share > 0.0 and source.key != target.key:
            norm = delta_norm(toward, await self._hot.move(target, toward, share), share)
        return answers.Transferred(source_session_id, target_session_id, norm)

    async def propose(
        self, owner: str, proposer_session_id: str, target_embedding: Sequence[float]
    ) -> answers.Consensus:
        """Let sessions vote on a direction, and update the trust of each by the outcome."""
        proposer = await self._hot.get((owner, proposer_session_id))
        dimension = proposer.session.profile.dimension
        target = unit_vector(target_embedding, dimension, "target_embedding")
        for _ in range(MAX_TRANSFER_ATTEMPTS):
            voters = await self._store.query(
                trust.voters, owner, dimension, proposer.key, MOST_VOTERS
            )
            accepted, verdicts = await asyncio.to_thread(count, voters, target)
            if await self._store.try_transact(RecordVotes(verdicts)):
                scores = {
                    voter.session_id: reputation(each).after(right=each.right).trust
                    for voter, each in zip(voters, verdicts, strict=True)
                }
                return answers.Consensus(accepted, scores)
        raise Unavailable("too many proposals at once")

    async def trust(self, owner: str) -> answers.Trust:
        found = await self._store.query(trust.recent, owner, MOST_VOTERS)
        scores = {session_id: Reputation(kept, missed).trust for session_id, kept, missed in found}
        return answers.Trust(scores)


def count(voters: Sequence[Voter], target: Vector) -> tuple[bool, tuple[VoteOutcome, ...]]:
    """Return whether the proposal is accepted, and the outcome for each voter."""
    means = np.frombuffer(b"".join(voter.mean for voter in voters), "<f4").reshape(-1, len(target))
    outcome = poll(normalised(means), target, [reputation(each) for each in voters])
    verdicts = (
        VoteOutcome(voter.key, voter.kept, voter.missed, right)
        for voter, right in zip(voters, outcome.right, strict=True)
    )
    return outcome.accepted, tuple(verdicts)


def reputation(of: Voter | VoteOutcome) -> Reputation:
    return Reputation(of.kept, of.missed)
