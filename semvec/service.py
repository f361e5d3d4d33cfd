"""What the server can do, over sessions, storage and the embedder."""

import asyncio
import contextlib
import time
import uuid
from collections.abc import Callable, Sequence

from semvec import answers
from semvec.clock import Clock
from semvec.embed.opening import open_embedder
from semvec.embed.protocol import Embedder
from semvec.errors import Conflict, Invalid, NotFound, SemvecError, Unavailable
from semvec.hot import Changed, Hot, HotSessions
from semvec.intake import Intake, Policy, Text
from semvec.paging import Page, cursor_of, position_of
from semvec.session.context import context_block
from semvec.session.events import (
    Created,
    MemoryRecord,
    Profile,
    decode_memory,
)
from semvec.session.search import Found, Query, Search
from semvec.session.session import Session
from semvec.session.turn import Plan, Said, hear, plan_turn
from semvec.session.words import terms
from semvec.settings import Settings
from semvec.store import Store
from semvec.vectors import unit_vector, unpacked

CONTEXT_MEMORIES = 10
"""Memories that a context block chooses from."""
LAGGING_S = 5.0
"""Age of the oldest waiting write past which the server is not ready."""


class Service:
    def __init__(
        self,
        store: Store,
        embedder: Embedder | None,
        settings: Settings,
        clock: Clock,
        new_id: Callable[[], str],
    ) -> None:
        self.database, self._embedder, self._settings = store, embedder, settings
        self._clock, self._new_id = clock, new_id
        self._intake = Intake(embedder, settings.long_term_memories)
        self._hot = HotSessions(
            store,
            clock,
            max_sessions=settings.max_sessions,
            memory_bytes=settings.memory_bytes,
            idle_ttl_s=settings.session_idle_ttl_s,
        )
        self._sweeper: asyncio.Task[None] | None = None

    @property
    def resident(self) -> int:
        return len(self._hot)

    async def start(self) -> None:
        await self.database.open()
        if self._embedder is not None:
            await self._embedder.start()
        self._sweeper = asyncio.create_task(self._sweep())

    async def close(self) -> None:
        """Commit, snapshot, close embedder and storage."""
        if self._sweeper is not None:
            self._sweeper.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._sweeper
        await self._hot.close()
        if self._embedder is not None:
            await self._embedder.close()
        await self.database.close()

    def sweep(self) -> None:
        """Start the eviction of idle sessions, and of those beyond what may be hot."""
        self._hot.sweep()

    async def ready(self) -> answers.Ready:
        try:
            await self.database.ping()
            database = "ok"
        except SemvecError as error:
            database = error.detail
        lag = self.database.lag
        journal = "ok" if lag < LAGGING_S else f"the oldest write has waited {lag:.1f} s"
        embedder = "ok" if self._embedder is not None else "none"
        checks = {"database": database, "journal": journal, "embedder": embedder}
        return answers.Ready(database == journal == "ok", checks)

    async def create(
        self,
        owner: str,
        *,
        session_id: str | None,
        dimension: int | None,
        model_name: str | None,
        enable_topic_switch: bool,
        template_embedding: list[float] | None,
        policy_vectors: Sequence[Policy] | None,
        long_term_memories: int | None,
    ) -> answers.Created:
        profile = self._intake.profile(
            dimension, model_name, enable_topic_switch, template_embedding, policy_vectors,
            long_term_memories,
        )  # fmt: skip
        if session_id is None:
            return answers.Created(await self._new_session(owner, profile), created=True)
        name = owner, session_id
        while not await self._hot.add(name, Created(self._clock(), profile)):
            with contextlib.suppress(NotFound):  # deleted since
                return self._exists(await self._hot.get(name), profile)
        return answers.Created(session_id, created=True)

    def _exists(self, hot: Hot, profile: Profile) -> answers.Created:
        session_id, have = hot.name[1], hot.session.profile
        if (have.dimension, have.model) != (profile.dimension, profile.model):
            raise Conflict(
                f"session {session_id!r} exists with dimension {have.dimension} and "
                f"{have.model or 'vectors of its client'}; asked for were {profile.dimension} and "
                f"{profile.model or 'vectors of a client'}"
            )
        return answers.Created(session_id, created=False)

    async def delete(self, owner: str, session_id: str) -> answers.SessionId:
        await self._hot.delete((owner, session_id))
        return answers.SessionId(session_id)

    async def sessions(
        self, owner: str, *, limit: int, cursor: str | None
    ) -> Page[answers.SessionItem]:
        before = position_of(cursor) if cursor is not None else None
        heads = await self.database.heads(owner, limit=limit + 1, before=before)
        items = [
            answers.SessionItem(
                session_id=head.session_id,
                created_at=head.created_at,
                last_used_at=head.last_used_at,
                interaction_count=head.interaction_count,
                total_memories=head.total_memories,
                resident=self._hot.is_resident((owner, head.session_id), head.key),
            )
            for head in heads[:limit]
        ]
        following = cursor_of(heads[limit - 1].key) if len(heads) > limit else None
        return Page(items, following, await self.database.count(owner))

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
        archived = await self._search_archive(hot, asked.text)
        if learn:
            changed = await self._learn(hot, asked, answer, reset=reset_context)
            hot, heard = changed.hot, changed.turn.heard
            memories, arrivals = hot.session.memories, changed.turn.arrivals
            cosines = memories.renewed(changed.cosines[-1], asked.vector, arrivals)
        else:
            heard = hear(hot.session.drift, answer, asked, reset=reset_context)
            cosines = await self._hot.cosines(hot, asked.vector)
        session = hot.session
        now = self._clock()
        query = Query(asked.text, asked.vector)
        search = Search(session, query, cosines, now, archived)
        found = search.best(CONTEXT_MEMORIES)
        similarity, known = search.familiar(short_circuit_threshold)
        block = context_block(
            session.state.interaction_count,
            session.total_memories,
            (each.text for each in found),
            self._settings.context_tokens,
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
            learned=learn,
            withheld_by=None if learn else "request",
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
        memories = changed.hot.session.memories
        return answers.Stored(
            session_id=session_id,
            learned=True,
            withheld_by=None,
            memory_hash=memories.content(memories.row(changed.turn.learnt[-1].memory_id)).hash,
            drift_score=step.score,
            drift_detected=step.detected,
            drift_phase=step.phase,
        )

    async def metrics(self, owner: str, session_id: str) -> answers.Metrics:
        session = (await self._hot.get((owner, session_id))).session
        state, updates = session.state, session.state.updates
        return answers.Metrics(
            session_id=session_id,
            phase=state.phase,
            interaction_count=state.interaction_count,
            total_memories=session.total_memories,
            beta_history=[each.beta for each in updates],
            similarity_history=[each.similarity for each in updates],
            fsm_history=[each.signal for each in updates],
            norm_history=[each.norm for each in updates],
            phase_history=[each.phase for each in updates],
            topic_history=list(state.switches),
        )

    async def context(
        self,
        owner: str,
        *,
        session_id: str,
        q: str | None,
        q_embedding: list[float] | None,
        top_k: int,
        full_first: bool,
        max_text_chars: int,
    ) -> answers.Context:
        hot = await self._hot.get((owner, session_id))
        query = await self._query(hot.session, q, q_embedding)
        if query is None:
            return answers.Context(session_id, [])
        archived = await self._search_archive(hot, query.text)
        cosines = await self._hot.cosines(hot, query.vector)
        now = self._clock()
        found = Search(hot.session, query, cosines, now, archived).best(top_k)
        note_access(hot, found, now)
        whole = [full_first and not rank for rank in range(len(found))]
        items = [
            answers.ContextItem(
                text=each.text if uncut else each.text[:max_text_chars],
                relevance=each.relevance,
                memory_hash=each.memory.hash,
                truncated=not uncut and len(each.text) > max_text_chars,
            )
            for each, uncut in zip(found, whole, strict=True)
        ]
        return answers.Context(session_id, items)

    async def memory(self, owner: str, session_id: str, memory_hash: str) -> answers.ExpandedMemory:
        hot = await self._hot.get((owner, session_id))
        record = await self._expand(hot, memory_hash)
        return answers.ExpandedMemory(
            session_id=session_id,
            memory_hash=memory_hash,
            text=record.text,
            truncated=False,
            importance=record.importance,
            access_count=record.access_count,
            timestamp=record.created,
        )

    async def _new_session(self, owner: str, profile: Profile) -> str:
        session_id = self._new_id()
        if not await self._hot.add((owner, session_id), Created(self._clock(), profile)):
            raise Unavailable("a new session id was taken already")
        return session_id

    async def _said(
        self, owner: str, session_id: str | None, texts: Sequence[Text]
    ) -> tuple[Hot, list[Said]]:
        """The session, made where no id is given, and the texts with their unit vectors."""
        if session_id is not None:
            hot = await self._hot.get((owner, session_id))
            return hot, await self._intake.said(hot.session.profile, texts)
        given = texts[0].embedding
        if given is None and self._embedder is None:
            raise Invalid.field(
                f"{texts[0].field}_embedding",
                f"no embedder is configured: send {texts[0].field}_embedding",
                "missing",
            )
        dimension = len(given) if given is not None and self._embedder is None else None
        profile = self._intake.profile(dimension, None, True, None, None, None)
        said = await self._intake.said(profile, texts)
        name = owner, await self._new_session(owner, profile)
        return await self._hot.get(name), said

    async def _query(
        self, session: Session, q: str | None, embedding: list[float] | None
    ) -> Query | None:
        """The question given, else the pending one, else the state's direction."""
        if q is not None:
            (said,) = await self._intake.said(session.profile, [Text("q", q, embedding)])
            return Query(said.text, said.vector)
        if embedding is not None:
            return Query(None, unit_vector(embedding, session.profile.dimension, "q_embedding"))
        if session.pending is not None:
            return Query(session.pending.text, unpacked(session.pending.vector))
        direction = session.state.direction()
        return None if direction is None else Query(None, direction)

    async def _learn(
        self, hot: Hot, message: Said | None, response: Said | None, *, reset: bool
    ) -> Changed:
        def plan(session: Session) -> Plan:
            return plan_turn(session, message=message, response=response, reset=reset)

        return await self._hot.change(hot, plan)

    async def _search_archive(self, hot: Hot, text: str | None) -> list[MemoryRecord]:
        """Archived memories that share words with the text."""
        if text is None or not hot.session.archived:
            return []
        weights = hot.session.memories.lexical.archive_weights(terms(text))
        payloads = await self.database.search_archive(hot.key, weights) if weights else []
        return [decode_memory(payload) for payload in payloads]

    async def _expand(self, hot: Hot, memory_hash: str) -> MemoryRecord:
        if (record := self._hot_memory(hot, memory_hash)) is not None:
            return record
        payload = None
        if hot.session.archived:
            payload = await self.database.archived_by_hash(hot.key, memory_hash)
        if payload is not None:
            return decode_memory(payload)
        current = await self._hot.get(hot.name)  # it may have come back meanwhile
        if (record := self._hot_memory(current, memory_hash)) is not None:
            return record
        raise NotFound(f"memory {memory_hash!r} not found in session {hot.name[1]!r}")

    def _hot_memory(self, hot: Hot, memory_hash: str) -> MemoryRecord | None:
        memory_id = hot.session.memories.with_hash(memory_hash)
        if memory_id is None:
            return None
        hot.touch(memory_id, self._clock())
        return hot.session.memories.record(memory_id)

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(self._settings.session_sweep_s)
            self.sweep()


def note_access(hot: Hot, found: Sequence[Found], now: float) -> None:
    """What was recalled counts as used; what came from the archive returns from it."""
    for each in found:
        if not isinstance(each.memory, MemoryRecord) or hot.bring_back(each.memory):
            hot.touch(each.memory.id, now)


def open_service(settings: Settings, clock: Clock = time.time) -> Service:
    """A service as the settings say; nothing is opened before `start`."""
    shared = {"auto": None, "on": True, "off": False}[settings.database_shared]
    store = Store(settings.database_url, shared=shared)
    embedder = open_embedder(settings.embedder, settings.embed_model, settings.embed_api_key)
    return Service(store, embedder, settings, clock, lambda: uuid.uuid4().hex)
