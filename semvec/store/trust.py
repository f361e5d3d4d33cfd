"""How often sessions were on the side of what came out, and who may vote."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, select, update

from semvec.store.records import Change, Head, Kind
from semvec.store.tables import sessions

RECENT = (
    select(sessions.c.session_id, sessions.c.kept, sessions.c.missed)
    .where(sessions.c.owner == bindparam("owner"), sessions.c.kind == Kind.PLAIN)
    .order_by(sessions.c.last_used_at.desc(), sessions.c.key.desc())
    .limit(bindparam("most"))
)
VOTERS = (
    select(
        sessions.c.key,
        sessions.c.session_id,
        sessions.c.kept,
        sessions.c.missed,
        sessions.c.mean,
    )
    .where(
        sessions.c.owner == bindparam("owner"),
        sessions.c.kind == Kind.PLAIN,
        sessions.c.dimension == bindparam("dimension"),
        sessions.c.interaction_count > 0,
        sessions.c.key != bindparam("proposer"),
    )
    .order_by(sessions.c.last_used_at.desc(), sessions.c.key.desc())
    .limit(bindparam("most"))
)
REPUTATIONS = select(sessions.c.key, sessions.c.kept, sessions.c.missed).where(
    sessions.c.key.in_(bindparam("keys", expanding=True))
)
_NAMED = update(sessions).where(sessions.c.key.in_(bindparam("keys", expanding=True)))
KEPT = _NAMED.values(kept=sessions.c.kept + 1)
MISSED = _NAMED.values(missed=sessions.c.missed + 1)


@dataclass(frozen=True, slots=True)
class Voter:
    """A session that may vote, and its state, float32."""

    key: int
    session_id: str
    kept: int
    missed: int
    mean: bytes


@dataclass(frozen=True, slots=True)
class Judged(Change):
    """Sessions that were right about an outcome, and sessions that were wrong."""

    right: tuple[int, ...]
    wrong: tuple[int, ...]

    @property
    def heads(self) -> Collection[int]:
        return self.right + self.wrong

    def decide(self, connection: Connection) -> bool:
        return True

    def carry_out(self, connection: Connection, made: Sequence[Head]) -> None:
        for statement, keys in ((KEPT, self.right), (MISSED, self.wrong)):
            if keys:
                connection.execute(statement, {"keys": keys})


def recent(connection: Connection, owner: str, most: int) -> list[tuple[str, int, int]]:
    """Session, times right, times wrong of the plain sessions used last."""
    return [(*row,) for row in connection.execute(RECENT, {"owner": owner, "most": most})]


def voters(
    connection: Connection, owner: str, dimension: int, proposer: int, most: int
) -> list[Voter]:
    """The plain sessions of this dimension used last that have learnt anything, but the
    proposer."""
    asked = {"owner": owner, "dimension": dimension, "proposer": proposer, "most": most}
    return [Voter(*row) for row in connection.execute(VOTERS, asked)]


def reputations(connection: Connection, keys: Sequence[int]) -> dict[int, tuple[int, int]]:
    """Times right and times wrong by key, of those that are still there."""
    return {
        key: (kept, missed) for key, kept, missed in connection.execute(REPUTATIONS, {"keys": keys})
    }
