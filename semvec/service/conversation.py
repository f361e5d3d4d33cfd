"""Carrying on a conversation: recall for a message, learn what is said."""

from collections.abc import Sequence

from semvec import answers
from semvec.clock import Clock
from semvec.hot import Changed, Hot, HotSessions, Scans
from semvec.intake import Intake, Text
from semvec.service.recall import Recall, note_access
from semvec.service.sessions import Sessions
from semvec.session.context import context_block
from semvec.session.plan import Plan
from semvec.session.query import Query
from semvec.session.session import Session
from semvec.session.turn import Said, hear, plan_turn

CONTEXT_MEMORIES = 10
"""Memories that a context block chooses from."""


class Conversation:
    def __init__(
        self,
        hot: HotSessions,
        scans: Scans,
        intake: Intake,
        sessions: Sessions,
        recall: Recall,
        clock: Clock,
        context_tokens: int,
    ) -> None:
        self._hot, self._scans, self._intake = hot, scans, intake
        self._sessions, self._recall = sessions, recall
        self._clock, self._context_tokens = clock, context_tokens

    async def run(
        self,
        owner: str,
        *,
        message: str,
        session_id: str | None,
        response: str | None,
        short_circuit_threshold: float,
        reset_context: bool,
        learn: bool,
        message_embedding: list[float] | None,
        response_embedding: list[float] | None,
    ) -> answers.Run:
        texts = [Text("message", message, message_embedding)]
        if response:
            texts.append(Text("response", response, response_embedding))
        hot, said = await self._said(owner, session_id, texts)
        asked, answer = said[0], said[1] if response else None
        archived = await self._recall.archived(hot, asked.text)
        withheld_by: str | None = "request"
        if learn:
            changed = await self._learn(hot, asked, answer, reset=reset_context)
            if changed.hot is not hot:  # it was loaded anew, maybe as it has been imported since
                archived = await self._recall.archived(changed.hot, asked.text)
            hot, heard = changed.hot, changed.turn.heard
            memories, arrivals = hot.session.memories, changed.turn.arrivals
            cosines = memories.renewed(changed.cosines[-1], asked.vector, arrivals)
            withheld_by = changed.withheld_by
        else:
            heard = hear(hot.session.drift, answer, asked, reset=reset_context)
            cosines = None
        session, now = hot.session, self._clock()
        query = Query(asked.text, asked.vector, asked.tokens)
        search, found = await self._scans.search(
            hot, query, now, archived, CONTEXT_MEMORIES, cosines
        )
        similarity, known = search.familiar(short_circuit_threshold)
        block = context_block(
            session.state.interaction_count,
            session.total_memories,
            (each.text for each in found),
            self._context_tokens,
        )
        if learn:
            note_access(hot, [found[place] for place in block.shown], now)
        return answers.Run(
            session_id=hot.name[1],
            context=block.text,
            top_similarity=similarity,
            short_circuit=known,
            drift_score=max(each.step.score for each in heard),
            drift_detected=any(each.step.detected for each in heard),
            drift_phase=heard[-1].step.phase,
            learned=withheld_by is None,
            withheld_by=withheld_by,
        )

    async def store(
        self,
        owner: str,
        *,
        session_id: str,
        response: str,
        response_embedding: list[float] | None,
    ) -> answers.Stored:
        texts = [Text("response", response, response_embedding)]
        hot, (answer,) = await self._said(owner, session_id, texts)
        changed = await self._learn(hot, None, answer, reset=False)
        step = changed.turn.heard[-1].step
        return answers.Stored(
            session_id=session_id,
            learned=changed.withheld_by is None,
            withheld_by=changed.withheld_by,
            memory_hash=changed.memory_hash,
            drift_score=step.score,
            drift_detected=step.detected,
            drift_phase=step.phase,
        )

    async def _said(
        self, owner: str, session_id: str | None, texts: Sequence[Text]
    ) -> tuple[Hot, list[Said]]:
        """The session, made where no id is given, and the texts with their unit vectors."""
        if session_id is not None:
            hot = await self._hot.get((owner, session_id))
            return hot, await self._intake.said(hot.session.profile, texts)
        profile = self._intake.profile_of(texts[0])
        said = await self._intake.said(profile, texts)
        return await self._sessions.made(owner, profile), said

    async def _learn(
        self, hot: Hot, message: Said | None, response: Said | None, *, reset: bool
    ) -> Changed:
        def plan(session: Session) -> Plan:
            return plan_turn(session, message=message, response=response, reset=reset)

        return await self._hot.change(hot, plan)
