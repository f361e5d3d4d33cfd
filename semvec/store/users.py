"""Users of an owner, which of them is active, and their sessions."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from semvec.store.records import SessionKind, UniqueRow
from semvec.store.tables import active_users, sessions, users
from semvec.store.trust import KEPT, MISSED, TRUSTED

DEFAULT_USER = "default"
"""The user that is active before the first switch."""

ACTIVE = select(active_users.c.user_id).where(active_users.c.owner == bindparam("owner"))
USER = select(users.c.created_at, users.c.saved_at).where(
    users.c.owner == bindparam("owner"), users.c.user_id == bindparam("user_id")
)
OWN = (
    sessions.c.owner == bindparam("owner"),
    sessions.c.kind == SessionKind.PLAIN,
    func.coalesce(sessions.c.user_id, DEFAULT_USER) == bindparam("user_id"),
)
SELECT_USER_SESSIONS = (
    select(
        sessions.c.session_id,
        sessions.c.dimension,
        sessions.c.created_at,
        sessions.c.last_used_at,
        sessions.c.interaction_count,
        sessions.c.total_memories,
        KEPT,
        MISSED,
    )
    .select_from(TRUSTED)
    .where(*OWN)
    .order_by(sessions.c.last_used_at.desc(), sessions.c.key.desc())
    .limit(bindparam("most"))
)
COUNT_USER_SESSIONS = select(func.count()).select_from(sessions).where(*OWN)

REPLACE_ACTIVE = (
    update(active_users)
    .where(active_users.c.owner == bindparam("at"), active_users.c.user_id == bindparam("old"))
    .values(user_id=bindparam("new"))
)
SAVE = (
    update(users)
    .where(users.c.owner == bindparam("at"), users.c.user_id == bindparam("who"))
    .values(saved_at=bindparam("now"))
)
INSERTS: dict[str, Any] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}
ADD_ACTIVE = {name: into(active_users).on_conflict_do_nothing() for name, into in INSERTS.items()}
ADD_USER = {name: into(users).on_conflict_do_nothing() for name, into in INSERTS.items()}


@dataclass(frozen=True, slots=True)
class UserSessionRow:
    session_id: str
    dimension: int | None
    created_at: float
    last_used_at: float
    interaction_count: int
    total_memories: int
    kept: int
    missed: int


@dataclass(frozen=True, slots=True)
class UserRows:
    """A user, the most recently used sessions, and the number of all sessions."""

    active: bool
    created_at: float | None
    saved_at: float | None
    sessions: tuple[UserSessionRow, ...]
    session_count: int


@dataclass(frozen=True, slots=True)
class SwitchUser(UniqueRow):
    """Make `new` active in the place of `old` and record when `old` left. Conflicts if `old` is not
    active."""

    owner: str
    old: str
    new: str
    at: float

    @property
    def name(self) -> tuple[str, ...]:
        return "active_users", self.owner

    def insert(self, connection: Connection) -> bool:
        dialect = connection.dialect.name
        connection.execute(ADD_ACTIVE[dialect], {"owner": self.owner, "user_id": DEFAULT_USER})
        if not self._replace(connection, self.old, self.new):
            return False
        for user_id in (self.old, self.new):
            made = {"owner": self.owner, "user_id": user_id, "created_at": self.at}
            connection.execute(ADD_USER[dialect], made)
        connection.execute(SAVE, {"at": self.owner, "who": self.old, "now": self.at})
        return True

    def release(self, connection: Connection) -> None:
        self._replace(connection, self.new, self.old)

    def _replace(self, connection: Connection, old: str, new: str) -> bool:
        moved = {"at": self.owner, "old": old, "new": new}
        return connection.execute(REPLACE_ACTIVE, moved).rowcount == 1


def active(connection: Connection, owner: str) -> str:
    return connection.execute(ACTIVE, {"owner": owner}).scalar() or DEFAULT_USER


def user(connection: Connection, owner: str, user_id: str, most: int) -> UserRows | None:
    """Return a user, or None if this user was never active; `default` always exists."""
    named = {"owner": owner, "user_id": user_id}
    found = connection.execute(USER, named).first()
    if found is None and user_id != DEFAULT_USER:
        return None
    created_at, saved_at = found or (None, None)
    return UserRows(
        active=active(connection, owner) == user_id,
        created_at=created_at,
        saved_at=saved_at,
        sessions=tuple(
            UserSessionRow(*row)
            for row in connection.execute(SELECT_USER_SESSIONS, named | {"most": most})
        ),
        session_count=connection.execute(COUNT_USER_SESSIONS, named).scalar_one(),
    )
