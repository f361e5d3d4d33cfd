"""Stored answers to requests with an idempotency key."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Executable, bindparam, delete, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.sql.dml import ReturningInsert

from semvec.store.records import UniqueRow
from semvec.store.tables import repeats, sessions

ANSWER_COLUMNS = ("subject", "about", "digest", "at", "status", "body")


def _claim(insert_into: Any) -> ReturningInsert[Any]:
    insert = insert_into(repeats)
    statement: ReturningInsert[Any] = insert.on_conflict_do_update(
        index_elements=["scope"],
        set_={name: insert.excluded[name] for name in ANSWER_COLUMNS},
        where=repeats.c.at < bindparam("expired"),
    ).returning(repeats.c.scope)
    return statement


INSERT_ANSWER = {"sqlite": _claim(sqlite.insert), "postgresql": _claim(postgresql.insert)}
DELETE_ANSWER = delete(repeats).where(repeats.c.scope == bindparam("of"))
SELECT_ANSWER = select(repeats.c.digest, repeats.c.status, repeats.c.body).where(
    repeats.c.scope == bindparam("of"), repeats.c.at >= bindparam("since")
)
SELECT_TRIM_TIME = (
    select(repeats.c.at)
    .where(repeats.c.subject == bindparam("whose"))
    .order_by(repeats.c.at.desc())
    .offset(bindparam("bound"))
    .limit(1)
)


def _drop(*conditions: Any) -> Executable:
    """Build a statement that deletes some of the oldest answers; two servers at once delete
    different ones."""
    oldest = (
        select(repeats.c.scope)
        .where(*conditions)
        .order_by(repeats.c.at)
        .limit(bindparam("most"))
        .with_for_update(skip_locked=True)
    )
    return delete(repeats).where(repeats.c.scope.in_(oldest))


DELETE_EXPIRED_ANSWERS = _drop(repeats.c.at < bindparam("before"))
DELETE_SURPLUS_ANSWERS = _drop(
    repeats.c.subject == bindparam("whose"), repeats.c.at <= bindparam("cut")
)
ERASE_ANSWERS = (
    update(repeats)
    .where(
        repeats.c.subject == sessions.c.owner,
        repeats.c.about == sessions.c.session_id,
        sessions.c.key.in_(bindparam("keys", expanding=True)),
    )
    .values(body=None)
)


@dataclass(frozen=True, slots=True)
class AnswerRow(UniqueRow):
    """The answer to one request.

    `digest` is that of the request's body; `session_id` is the session whose deletion erases the
    answer. An answer older than `expired` is overwritten by the next one of its scope.
    """

    scope: bytes
    subject: str
    session_id: str | None
    digest: bytes
    at: float
    expired: float
    status: int
    body: bytes

    @property
    def name(self) -> tuple[str, ...]:
        return "repeats", self.scope.hex()

    def insert(self, connection: Connection) -> bool:
        row = dataclasses.asdict(self)
        row["about"] = row.pop("session_id")
        return connection.execute(INSERT_ANSWER[connection.dialect.name], row).first() is not None

    def release(self, connection: Connection) -> None:
        connection.execute(DELETE_ANSWER, {"of": self.scope})


@dataclass(frozen=True, slots=True)
class StoredAnswer:
    """The stored answer to an earlier request; without a body if its session was deleted."""

    digest: bytes
    status: int
    body: bytes | None


def stored_answer(connection: Connection, scope: bytes, since: float) -> StoredAnswer | None:
    row = connection.execute(SELECT_ANSWER, {"of": scope, "since": since}).first()
    return StoredAnswer(*row) if row else None


def drop_expired(connection: Connection, before: float, most: int) -> bool:
    """Delete expired answers; return whether more may be left."""
    return (
        connection.execute(DELETE_EXPIRED_ANSWERS, {"before": before, "most": most}).rowcount
        == most
    )


def drop_surplus(connection: Connection, subject: str, bound: int, most: int) -> bool:
    """Delete a subject's answers beyond the newest `bound`; return whether more may be left."""
    cut = connection.execute(SELECT_TRIM_TIME, {"whose": subject, "bound": bound}).scalar()
    if cut is None:
        return False
    bounds = {"whose": subject, "cut": cut, "most": most}
    return connection.execute(DELETE_SURPLUS_ANSWERS, bounds).rowcount == most


def erase_answers(connection: Connection, keys: Sequence[int]) -> None:
    """Erase the bodies of answers about sessions that are being deleted. The rows stay, so that the
    requests are not carried out a second time."""
    connection.execute(ERASE_ANSWERS, {"keys": keys})
