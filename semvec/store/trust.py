"""Reputations of sessions, from how often they voted for the outcome, and the sessions that may
vote."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from sqlalchemy import Connection, Executable, bindparam, func, select
from sqlalchemy.dialects import postgresql, sqlite

from semvec.store.records import GuardedChange, Head, SessionKind
from semvec.store.rows import run
from semvec.store.tables import sessions, trust

KEPT, MISSED = func.coalesce(trust.c.kept, 0), func.coalesce(trust.c.missed, 0)
TRUSTED = sessions.outerjoin(trust, trust.c.key == sessions.c.key)
SELECT_RECENT_VOTERS = (
    select(sessions.c.session_id, KEPT, MISSED)
    .select_from(TRUSTED)
    .where(sessions.c.owner == bindparam("owner"), sessions.c.kind == SessionKind.PLAIN)
    .order_by(sessions.c.last_used_at.desc(), sessions.c.key.desc())
    .limit(bindparam("most"))
)
VOTERS = (
    select(
        sessions.c.key,
        sessions.c.session_id,
        KEPT,
        MISSED,
        sessions.c.mean,
    )
    .select_from(TRUSTED)
    .where(
        sessions.c.owner == bindparam("owner"),
        sessions.c.kind == SessionKind.PLAIN,
        sessions.c.dimension == bindparam("dimension"),
        sessions.c.interaction_count > 0,
        sessions.c.key != bindparam("proposer"),
    )
    .order_by(sessions.c.last_used_at.desc(), sessions.c.key.desc())
    .limit(bindparam("most"))
)
REPUTATIONS = (
    select(sessions.c.key, KEPT, MISSED)
    .select_from(TRUSTED)
    .where(sessions.c.key.in_(bindparam("keys", expanding=True)))
)


def _adding(insert_into: Any) -> Executable:
    insert = insert_into(trust)
    adding: Executable = insert.on_conflict_do_update(
        index_elements=["key"],
        set_={
            "kept": trust.c.kept + insert.excluded.kept,
            "missed": trust.c.missed + insert.excluded.missed,
        },
    )
    return adding


ADD_VOTES: Mapping[str, Executable] = MappingProxyType(
    {"sqlite": _adding(sqlite.insert), "postgresql": _adding(postgresql.insert)}
)


@dataclass(frozen=True, slots=True)
class Voter:
    """A session that may vote, and its state, float32."""

    key: int
    session_id: str
    kept: int
    missed: int
    mean: bytes


@dataclass(frozen=True, slots=True)
class VoteOutcome:
    """Whether a voter with this reputation voted for the outcome."""

    key: int
    kept: int
    missed: int
    right: bool


@dataclass(frozen=True, slots=True)
class RecordVotes(GuardedChange):
    """Update the reputations of all voters after an outcome. Conflicts if any reputation has
    changed."""

    verdicts: tuple[VoteOutcome, ...]

    @property
    def heads(self) -> Collection[int]:
        return [each.key for each in self.verdicts]

    def decide(self, connection: Connection) -> bool:
        found = reputations(connection, [*self.heads])
        return all(found.get(each.key) == (each.kept, each.missed) for each in self.verdicts)

    def carry_out(self, connection: Connection, made: Sequence[Head]) -> None:
        rows = [
            {"key": each.key, "kept": int(each.right), "missed": int(not each.right)}
            for each in self.verdicts
        ]
        run(connection, ADD_VOTES[connection.dialect.name], rows)


def recent(connection: Connection, owner: str, most: int) -> list[tuple[str, int, int]]:
    """Return session id, times right and times wrong of the most recently used plain sessions."""
    return [
        (*row,) for row in connection.execute(SELECT_RECENT_VOTERS, {"owner": owner, "most": most})
    ]


def voters(
    connection: Connection, owner: str, dimension: int, proposer: int, most: int
) -> list[Voter]:
    """Return the most recently used plain sessions of this dimension that have learnt anything,
    without the proposer."""
    asked = {"owner": owner, "dimension": dimension, "proposer": proposer, "most": most}
    return [Voter(*row) for row in connection.execute(VOTERS, asked)]


def reputations(connection: Connection, keys: Sequence[int]) -> dict[int, tuple[int, int]]:
    """Return times right and times wrong by key, of the sessions that exist."""
    return {
        key: (kept, missed) for key, kept, missed in connection.execute(REPUTATIONS, {"keys": keys})
    }
