"""Recall from sessions: for a question, for the state, or one memory by its hash."""

import logging
from collections.abc import Sequence
from contextlib import nullcontext

from semvec import answers
from semvec.cache import CachedSession, SessionCache, VectorScorer
from semvec.clock import Clock
from semvec.errors import NotFound, Unavailable
from semvec.intake import FieldText, Intake
from semvec.offloop import OffLoop
from semvec.persistence import reading_rows
from semvec.session.archived import Candidates
from semvec.session.events import MemoryRecord, decode_memory
from semvec.session.query import EncodedQuery, wording_of
from semvec.session.search import Found, Search
from semvec.session.session import Session
from semvec.session.turn import EncodedText
from semvec.store import Store
from semvec.telemetry.protocol import Span
from semvec.texts import TEXT_PIECE
from semvec.vectors import Vector, unit_vector, unpacked
from semvec.words import terms

log = logging.getLogger(__name__)

MAX_RECALL_TRIES = 3
"""Searches off the event loop that a change may invalidate; the next one runs on the event loop."""


class Recall:
    def __init__(
        self,
        hot: SessionCache,
        scans: VectorScorer,
        store: Store,
        intake: Intake,
        clock: Clock,
        span: Span = nullcontext,
        off_loop: OffLoop | None = None,
    ) -> None:
        self._off_loop = off_loop or OffLoop()
        self._hot, self._scans = hot, scans
        self._store, self._intake, self._clock = store, intake, clock
        self._span = span

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
        with self._span("recall"):
            hot = await self._hot.refresh(hot)
            archived = await self.archived(hot, query.text)
            hot, now = await self._hot.refresh(hot), self._clock()
            hot, _, found = await self.search(hot, query, archived, top_k, now)
        note_access(hot, found, now)
        whole = [full_first and not rank for rank in range(len(found))]
        items = [
            answers.ContextItem(
                text=text,
                relevance=each.relevance,
                memory_hash=each.memory.hash,
                truncated=len(text) < each.length,
            )
            for each, uncut in zip(found, whole, strict=True)
            for text in [each.beginning(each.length if uncut else max_text_chars)]
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

    async def search(
        self,
        hot: CachedSession,
        query: EncodedQuery,
        archived: Sequence[MemoryRecord],
        k: int,
        now: float,
        cosines: Vector | None = None,
        *,
        learnt: bool = False,
    ) -> tuple[CachedSession, Search, list[Found]]:
        """Return the best k for a query, and the cached session, reloaded if it was evicted
        meanwhile. `cosines`, shape (count,), are those of the query to the current rows, if known.

        Raises Unavailable if the device has too many waiting recalls. A request that has `learnt`
        is searched here instead.
        """
        try:
            for _ in range(MAX_RECALL_TRIES):
                found = await self._searched(hot.session, query, archived, k, now, cosines)
                if found is not None:
                    return hot, *found
                cosines, before = None, hot
                hot = await self._hot.refresh(before)
                if hot is not before:
                    archived = await self.archived(hot, query.text)
                    hot = await self._hot.refresh(hot)
        except Unavailable as error:
            if not learnt:
                raise
            log.warning("searched without the device: %s", error)
        cosines = hot.session.memories.cosines(query.vector[None]).reshape(-1)
        search = Search(hot.session, query, cosines, now, archived)
        return hot, search, search.best(k)

    async def _searched(
        self,
        session: Session,
        query: EncodedQuery,
        archived: Sequence[MemoryRecord],
        k: int,
        now: float,
        cosines: Vector | None,
    ) -> tuple[Search, list[Found]] | None:
        """Search once. Return None if the session changed meanwhile."""
        seq = session.seq
        if cosines is None:
            cosines = await self._cosines(session, query)
        if session.seq != seq:
            return None
        search = Search(session, query, cosines, now, archived)
        found = await self._scans.best(search, k)
        return (search, found) if session.seq == seq else None

    async def _cosines(self, session: Session, query: EncodedQuery) -> Vector:
        return (await self._scans.cosines(session.memories, query.vector[None])).reshape(-1)

    async def query(self, said: EncodedText) -> EncodedQuery:
        """Build a query from a text. A long text is split into words on a thread."""
        wording = None
        if len(said.text) > TEXT_PIECE:
            wording = await self._off_loop.run(wording_of, said.text, said.tokens)
        return EncodedQuery(said.text, said.vector, said.tokens, wording)

    async def archived(self, hot: CachedSession, text: str | None) -> Candidates:
        """Return archived memories that share words with the text."""
        if text is None or not hot.session.archived:
            return Candidates()
        weights = hot.session.memories.lexical.archive_weights(terms(text))
        payloads = await self._store.search_archive(hot.key, weights) if weights else []
        with reading_rows(hot.name[1], hot.key):
            found = Candidates([decode_memory(payload) for payload in payloads])
        if not found.short:
            await self._off_loop.run(found.count_words)
        return found

    async def _query(
        self, session: Session, q: str | None, embedding: list[float] | None
    ) -> EncodedQuery | None:
        """Build the query: from the question given, else the pending one, else the state's
        direction."""
        if q is not None:
            (said,) = await self._intake.encode_texts(
                session.profile, [FieldText("q", q, embedding)]
            )
            return await self.query(said)
        if embedding is not None:
            return EncodedQuery(
                None, unit_vector(embedding, session.profile.dimension, "q_embedding")
            )
        if (pending := session.open_question) is not None:
            # The stored tokens are pooled to a memory's few; encoding again gives the query all of
            # them.
            if pending.tokens is not None and self._intake.encodes(session.profile):
                return await self._query(session, pending.text, None)
            return await self.query(EncodedText(pending.text, unpacked(pending.vector)))
        direction = session.state.direction()
        return None if direction is None else EncodedQuery(None, direction)

    async def _expand(self, hot: CachedSession, memory_hash: str) -> MemoryRecord:
        if (record := self._hot_memory(hot, memory_hash)) is not None:
            return record
        payload = None
        if hot.session.archived:
            payload = await self._store.archived_by_hash(hot.key, memory_hash)
        if payload is not None:
            with reading_rows(hot.name[1], hot.key):
                return decode_memory(payload)
        current = await self._hot.get(hot.name)  # it may have been restored meanwhile
        if (record := self._hot_memory(current, memory_hash)) is not None:
            return record
        raise NotFound(f"memory {memory_hash!r} not found in session {hot.name[1]!r}")

    def _hot_memory(self, hot: CachedSession, memory_hash: str) -> MemoryRecord | None:
        memory_id = hot.session.memories.find_by_hash(memory_hash)
        if memory_id is None:
            return None
        hot.record_access(memory_id, self._clock())
        return hot.session.memories.record(memory_id)


def note_access(hot: CachedSession, found: Sequence[Found], now: float) -> None:
    """Record the use of recalled memories, and restore those found in the archive."""
    for each in found:
        if not isinstance(each.memory, MemoryRecord) or hot.restore_memory(each.memory):
            hot.record_access(each.memory.id, now)
