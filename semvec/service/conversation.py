"""Conversation: recall for a message, and learning of messages and responses."""

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from functools import partial

from semvec import answers
from semvec.cache import CachedSession, ChangeResult, SessionCache
from semvec.clock import Clock
from semvec.intake import FieldText, Intake
from semvec.service.drift_propagator import DriftPropagator
from semvec.service.recall import Recall, note_access
from semvec.service.sessions import Sessions
from semvec.session.context import context_block
from semvec.session.plan import Plan
from semvec.session.session import Session
from semvec.session.turn import EncodedText, plan_exchange, plan_turn, score_inputs
from semvec.telemetry.protocol import Span

CONTEXT_MEMORIES = 10
"""Memories that a context block chooses from."""


class Conversation:
    def __init__(
        self,
        hot: SessionCache,
        intake: Intake,
        sessions: Sessions,
        recall: Recall,
        drifts: DriftPropagator,
        clock: Clock,
        context_tokens: int,
        span: Span = nullcontext,
    ) -> None:
        self._span = span
        self._hot, self._intake, self._sessions, self._recall = hot, intake, sessions, recall
        self._drifts, self._clock, self._context_tokens = drifts, clock, context_tokens

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
        texts = [FieldText("message", message, message_embedding)]
        if response:
            texts.append(FieldText("response", response, response_embedding))
        hot, said = await self._said(owner, session_id, texts)
        asked, answer = said[0], said[1] if response else None
        query = await self._recall.query(asked)
        archived = await self._recall.archived(hot, asked.text)
        withheld_by: str | None = "request"
        if learn:
            changed = await self._learn(hot, asked, answer, reset=reset_context)
            heard, withheld_by = changed.turn.heard, changed.withheld_by
            cosines = None
            if changed.hot is hot:
                memories, arrivals = hot.session.memories, changed.turn.arrivals
                cosines = memories.renewed(changed.cosines[-1], asked.vector, arrivals)
            else:  # it was loaded anew, maybe as it has been imported since
                archived = await self._recall.archived(changed.hot, asked.text)
                hot = await self._hot.refresh(changed.hot)
        else:
            hot, cosines = await self._hot.refresh(hot), None
            heard = score_inputs(hot.session.drift, answer, asked, reset=reset_context)
        now = self._clock()
        with self._span("recall"):
            hot, search, found = await self._recall.search(
                hot, query, archived, CONTEXT_MEMORIES, now, cosines, learnt=learn
            )
            similarity, known = search.familiar(short_circuit_threshold)
        session = hot.session
        block = context_block(
            session.state.interaction_count,
            session.total_memories,
            (each.text for each in found),
            self._context_tokens,
        )
        if learn:
            note_access(hot, [found[place] for place in block.shown], now)
            await self._tell(changed)
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
        texts = [FieldText("response", response, response_embedding)]
        hot, (answer,) = await self._said(owner, session_id, texts)
        changed = await self._learn(hot, None, answer, reset=False)
        return await self._stored(session_id, changed)

    async def store_exchange(
        self,
        owner: str,
        *,
        session_id: str,
        message: str,
        response: str,
        message_embedding: list[float] | None,
        response_embedding: list[float] | None,
    ) -> answers.Stored:
        """Learn a message and its answer as one memory, in one event."""
        texts = [
            FieldText("message", message, message_embedding),
            FieldText("response", response, response_embedding),
        ]
        hot, (asked, answer) = await self._said(owner, session_id, texts)
        changed = await self._change(hot, lambda session: plan_exchange(session, asked, answer))
        return await self._stored(session_id, changed)

    async def _said(
        self, owner: str, session_id: str | None, texts: Sequence[FieldText]
    ) -> tuple[CachedSession, list[EncodedText]]:
        """Return the session, created if no id is given, and the texts with their unit vectors."""
        if session_id is not None:
            hot = await self._hot.get((owner, session_id))
            said = await self._intake.encode_texts(hot.session.profile, texts)
            return await self._hot.refresh(hot), said
        profile = self._intake.profile_of(texts[0])
        said = await self._intake.encode_texts(profile, texts)
        return await self._sessions.made(owner, profile), said

    async def _learn(
        self,
        hot: CachedSession,
        message: EncodedText | None,
        response: EncodedText | None,
        *,
        reset: bool,
    ) -> ChangeResult:
        def plan(session: Session) -> Plan:
            return plan_turn(session, message=message, response=response, reset=reset)

        return await self._change(hot, plan)

    async def _change(self, hot: CachedSession, plan: Callable[[Session], Plan]) -> ChangeResult:
        """Change a session. Drift of a backing session commits in the same transaction."""
        return await self._hot.change(hot, plan, self._drifts.operations_for)

    async def _tell(self, changed: ChangeResult) -> None:
        """Notify regions after the commit. This is the last step of a request, as it may change the
        session."""
        await self._hot.locks.after_commit(partial(self._drifts.notify, changed))

    async def _stored(self, session_id: str, changed: ChangeResult) -> answers.Stored:
        answer = stored(session_id, changed)
        await self._tell(changed)
        return answer


def stored(session_id: str, changed: ChangeResult) -> answers.Stored:
    steps = [heard.step for heard in changed.turn.heard]
    return answers.Stored(
        session_id=session_id,
        learned=changed.withheld_by is None,
        withheld_by=changed.withheld_by,
        memory_hash=changed.memory_hash,
        drift_score=max(step.score for step in steps),
        drift_detected=any(step.detected for step in steps),
        drift_phase=steps[-1].phase,
    )
