"""What sessions pass on to each other, and what they agree on."""

import asyncio
from collections.abc import Sequence

import numpy as np

from semvec import answers
from semvec.errors import Conflict, Unavailable
from semvec.groups.network import MOST_VOTERS, Poll, Reputation, delta_norm, passed_on, poll
from semvec.hot import HotSessions, session_not_found
from semvec.store import Refused, Store, trust
from semvec.store.trust import Judged, Voter
from semvec.vectors import Vector, normalised, unit_vector

ATTEMPTS = 100
"""Voters that may be deleted while one proposal is counted."""


class Network:
    def __init__(self, store: Store, hot: HotSessions) -> None:
        self._store, self._hot = store, hot

    async def transfer(
        self, owner: str, *, source_session_id: str, target_session_id: str, max_weight: float
    ) -> answers.Transferred:
        """Move the target's state towards the source's, no further than that is trusted."""
        source = await self._hot.get((owner, source_session_id))
        target = await self._hot.get((owner, target_session_id))
        dimensions = source.session.profile.dimension, target.session.profile.dimension
        if dimensions[0] != dimensions[1]:
            raise Conflict("the sessions' dimensions are {} and {}".format(*dimensions))
        found = await self._store.look(trust.reputations, [source.key])
        if source.key not in found:
            raise session_not_found(source_session_id)
        share = passed_on(max_weight, Reputation(*found[source.key]))
        toward = source.session.state.mean.astype(np.float32)
        norm = 0.0
        if share > 0.0 and source.key != target.key:
            norm = delta_norm(toward, await self._hot.move(target, toward, share), share)
        return answers.Transferred(source_session_id, target_session_id, norm)

    async def propose(
        self, owner: str, proposer_session_id: str, target_embedding: Sequence[float]
    ) -> answers.Consensus:
        """Put a direction to the vote, and note who was on the side of the outcome."""
        proposer = await self._hot.get((owner, proposer_session_id))
        dimension = proposer.session.profile.dimension
        target = unit_vector(target_embedding, dimension, "target_embedding")
        for _ in range(ATTEMPTS):
            voters = await self._store.look(
                trust.voters, owner, dimension, proposer.key, MOST_VOTERS
            )
            outcome = await asyncio.to_thread(count, voters, target)
            if not isinstance(await self._store.together(judged(voters, outcome)), Refused):
                keys = [voter.key for voter in voters]
                found = await self._store.look(trust.reputations, keys)
                scores = {
                    voter.session_id: Reputation(*found[voter.key]).trust
                    for voter in voters
                    if voter.key in found
                }
                return answers.Consensus(outcome.accepted, scores)
        raise Unavailable("sessions that vote are deleted all the time")

    async def trust(self, owner: str) -> answers.Trust:
        found = await self._store.look(trust.recent, owner, MOST_VOTERS)
        scores = {session_id: Reputation(kept, missed).trust for session_id, kept, missed in found}
        return answers.Trust(scores)


def count(voters: Sequence[Voter], target: Vector) -> Poll:
    means = np.frombuffer(b"".join(voter.mean for voter in voters), "<f4").reshape(-1, len(target))
    return poll(normalised(means), target, [Reputation(each.kept, each.missed) for each in voters])


def judged(voters: Sequence[Voter], outcome: Poll) -> Judged:
    sides: dict[bool, list[int]] = {True: [], False: []}
    for voter, right in zip(voters, outcome.right, strict=True):
        sides[right].append(voter.key)
    return Judged(tuple(sides[True]), tuple(sides[False]))
