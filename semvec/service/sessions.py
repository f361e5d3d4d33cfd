"""Sessions: create, list, inspect, delete."""

import contextlib
from collections.abc import Callable
from functools import partial
from operator import attrgetter

from semvec import answers
from semvec.cache import CachedSession, SessionCache
from semvec.clock import Clock
from semvec.errors import Conflict, NotFound, Unavailable
from semvec.intake import Intake, NewSession
from semvec.paging import Page, page_of
from semvec.session.events import Profile, SessionCreated
from semvec.store import Head, Store


class Sessions:
    def __init__(
        self,
        hot: SessionCache,
        store: Store,
        intake: Intake,
        clock: Clock,
        new_id: Callable[[], str],
    ) -> None:
        self._hot, self._store, self._intake = hot, store, intake
        self._clock, self._new_id = clock, new_id

    async def create(
        self, owner: str, session_id: str | None, wanted: NewSession
    ) -> answers.Created:
        profile = self._intake.profile(wanted)
        if session_id is None:
            return answers.Created((await self.made(owner, profile)).name[1], created=True)
        name = owner, session_id
        while not await self._hot.add(name, SessionCreated(self._clock(), profile)):
            with contextlib.suppress(NotFound):  # deleted meanwhile
                hot = await self._hot.get(name)
                if not self._intake.same_vectors(hot.session.profile, profile):
                    raise another_kind(hot, profile)
                return answers.Created(session_id, created=False)
        return answers.Created(session_id, created=True)

    async def made(self, owner: str, profile: Profile) -> CachedSession:
        """Create a session under a new id."""
        name = owner, self._new_id()
        if not await self._hot.add(name, SessionCreated(self._clock(), profile)):
            raise Unavailable("a new session id was taken already")
        return await self._hot.get(name)

    async def delete(self, owner: str, session_id: str) -> answers.ClosedSession:
        await self._hot.delete((owner, session_id))
        return answers.ClosedSession(session_id)

    async def page(
        self, owner: str, *, limit: int, cursor: str | None
    ) -> Page[answers.SessionItem]:
        """The owner's sessions, newest first."""
        opaque = self._store.opaque
        before = opaque.position(cursor, "sessions", owner) if cursor is not None else None
        heads = await self._store.heads(owner, limit=limit + 1, before=before)
        total = await self._store.count(owner)
        cursors = partial(opaque.cursor, list="sessions", owner=owner)
        return page_of(heads, limit, self._item, attrgetter("key"), total, cursors)

    def _item(self, head: Head) -> answers.SessionItem:
        return answers.SessionItem(
            session_id=head.session_id,
            created_at=head.created_at,
            last_used_at=head.last_used_at,
            interaction_count=head.interaction_count,
            total_memories=head.total_memories,
            resident=self._hot.copies.has((head.owner, head.session_id), head.key),
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


def another_kind(hot: CachedSession, profile: Profile) -> Conflict:
    session_id, have = hot.name[1], hot.session.profile
    return Conflict(
        f"session {session_id!r} exists with dimension {have.dimension} and "
        f"{have.model or 'vectors of its client'}; asked for were {profile.dimension} and "
        f"{profile.model or 'vectors of a client'}"
    )
