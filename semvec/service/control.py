"""What a client sets on a session: triggers, anchors, isolation, memories from outside."""

from collections.abc import Sequence

from semvec import answers
from semvec.cache import SessionCache
from semvec.intake import Intake
from semvec.session.anchors import DRIFT_THRESHOLD
from semvec.session.edits import (
    plan_anchor,
    plan_injection,
    plan_isolation,
    plan_no_triggers,
    plan_release,
    plan_trigger,
)
from semvec.session.events import IsolationLevel, MemoryTier
from semvec.vectors import unit_vector, unit_vectors


class Control:
    def __init__(self, hot: SessionCache, intake: Intake) -> None:
        self._hot, self._intake = hot, intake

    async def set_trigger(
        self,
        owner: str,
        session_id: str,
        *,
        keyword: str | None,
        embedding: list[float] | None,
        threshold: float,
    ) -> answers.Triggers:
        hot = await self._hot.get((owner, session_id))
        vector = None
        if embedding is not None:
            vector = unit_vector(embedding, hot.session.profile.dimension, "embedding")
        changed = await self._hot.change(
            hot, lambda session: plan_trigger(session, keyword, vector, threshold)
        )
        return answers.Triggers(session_id, len(changed.hot.session.triggers))

    async def clear_triggers(self, owner: str, session_id: str) -> answers.Triggers:
        hot = await self._hot.get((owner, session_id))
        if len(hot.session.triggers):
            hot = (await self._hot.change(hot, plan_no_triggers)).hot
        return answers.Triggers(session_id, len(hot.session.triggers))

    async def set_anchor(
        self, owner: str, session_id: str, embedding: list[float]
    ) -> answers.Anchors:
        hot = await self._hot.get((owner, session_id))
        vector = unit_vector(embedding, hot.session.profile.dimension, "embedding")
        changed = await self._hot.change(hot, lambda session: plan_anchor(session, vector))
        return answers.Anchors(session_id, len(changed.hot.session.anchors))

    async def anchor_score(self, owner: str, session_id: str) -> answers.AnchorScore:
        session = (await self._hot.get((owner, session_id))).session
        score, _ = session.anchors.nearest(session.state.direction())
        return answers.AnchorScore(
            session_id=session_id,
            anchor_score=score,
            anchor_count=len(session.anchors),
            drift_threshold=DRIFT_THRESHOLD,
            realignment_remaining=session.state.realignment_remaining,
        )

    async def isolate(
        self,
        owner: str,
        session_id: str,
        *,
        level: IsolationLevel,
        exclusion_embeddings: Sequence[list[float]],
        allowlist_embeddings: Sequence[list[float]],
        similarity_threshold: float,
    ) -> answers.Isolated:
        hot = await self._hot.get((owner, session_id))
        dimension = hot.session.profile.dimension
        excluded = unit_vectors(exclusion_embeddings, dimension, "exclusion_embeddings")
        allowed = unit_vectors(allowlist_embeddings, dimension, "allowlist_embeddings")
        changed = await self._hot.change(
            hot,
            lambda session: plan_isolation(session, level, excluded, allowed, similarity_threshold),
        )
        return answers.Isolated(session_id, level.value, len(changed.hot.session.quarantine))

    async def release(self, owner: str, session_id: str) -> answers.Released:
        """Learn all items held now, a few in each event. After an error the rest stays held."""
        hot = await self._hot.get((owner, session_id))
        last, released = hot.session.next_piece - 1, 0
        while hot.session.quarantine.any_until(last):
            changed = await self._hot.change(hot, lambda session: plan_release(session, last))
            hot, released = changed.hot, released + len(changed.turn.learnt)
        return answers.Released(session_id, released)

    async def inject(
        self,
        owner: str,
        session_id: str,
        *,
        embedding: list[float],
        text: str,
        tier: MemoryTier,
        importance: float,
        access_count: int,
    ) -> answers.Injected:
        hot = await self._hot.get((owner, session_id))
        said = await self._intake.injected(hot.session.profile, text, embedding)
        changed = await self._hot.change(
            hot, lambda session: plan_injection(session, said, tier, importance, access_count)
        )
        session, memory_id = changed.hot.session, changed.memory_id
        if memory_id is not None:
            tier = session.memories.tier(memory_id)
        return answers.Injected(
            session_id=session_id,
            tier=tier.name.lower(),
            total_memories=session.total_memories,
            learned=changed.withheld_by is None,
            withheld_by=changed.withheld_by,
            memory_hash=changed.memory_hash,
        )
