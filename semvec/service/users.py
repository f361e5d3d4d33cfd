"""Users: groups of an owner's sessions. New sessions belong to the active user."""

from semvec import answers
from semvec.clock import Clock
from semvec.errors import Invalid, NotFound, Unavailable
from semvec.groups.network import Reputation
from semvec.segments import REWRITTEN, is_rewritten
from semvec.store import Conflicted, Store, users

MOST_SESSIONS = 10_000
"""Sessions of one user in an answer."""
MAX_SWITCH_ATTEMPTS = 100
"""Conflicts with other switches of the same owner before one fails."""


class Users:
    def __init__(self, store: Store, clock: Clock) -> None:
        self._store, self._clock = store, clock

    async def active(self, owner: str) -> answers.ActiveUser:
        return answers.ActiveUser(await self._store.query(users.active, owner))

    async def switch(self, owner: str, user_id: str) -> answers.Switched:
        """Make a user active. Changes acknowledged for the previous user are durable already, and
        the time of the switch is recorded for that user.

        Raises Invalid for a new user whose id would be rewritten in a path.
        """
        if is_rewritten(user_id) and await self._store.query(users.user, owner, user_id, 0) is None:
            raise Invalid.field("user_id", REWRITTEN)
        for _ in range(MAX_SWITCH_ATTEMPTS):
            previous = await self._store.query(users.active, owner)
            switch = users.SwitchUser(owner, previous, user_id, self._clock())
            if not isinstance(await self._store.transact(switch), Conflicted):
                return answers.Switched(active_user=user_id, previous_user=previous)
        raise Unavailable("too many switches of users at once")

    async def serialize(self, owner: str, user_id: str) -> answers.SerializedUser:
        """Return a user and its sessions. Raises NotFound for a user that was never active."""
        found = await self._store.query(users.user, owner, user_id, MOST_SESSIONS)
        if found is None:
            raise NotFound(f"user {user_id!r} not found")
        sessions = [
            answers.UserSession(
                session_id=row.session_id,
                dimension=row.dimension,
                created_at=row.created_at,
                last_used_at=row.last_used_at,
                interaction_count=row.interaction_count,
                total_memories=row.total_memories,
                trust=Reputation(row.kept, row.missed).trust,
            )
            for row in found.sessions
        ]
        state = answers.UserState(
            active=found.active,
            created_at=found.created_at,
            saved_at=found.saved_at,
            session_count=found.session_count,
            sessions=sessions,
        )
        return answers.SerializedUser(user_id, state)
