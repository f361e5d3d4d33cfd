"""Answers to requests with a key, for those that come again with it."""

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
    """Deletes some of the oldest answers; of two servers that do so each takes others."""
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
    """The one answer to a request: `digest` is of its body, `about` the session, if any, whose end
    takes the answer along. Whoever has the scope loses it to the next if it is of before
    `expired`."""

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
    """What is known of a request that was made before; no body where its session is gone."""

    digest: bytes
    status: int
    body: bytes | None


def stored_answer(connection: Connection, scope: bytes, since: float) -> StoredAnswer | None:
    row = connection.execute(SELECT_ANSWER, {"of": scope, "since": since}).first()
    return StoredAnswer(*row) if row else None


def drop_expired(connection: Connection, before: float, most: int) -> bool:
    """Whether there may be more."""
    return (
        connection.execute(DELETE_EXPIRED_ANSWERS, {"before": before, "most": most}).rowcount
        == most
    )


def drop_surplus(connection: Connection, subject: str, bound: int, most: int) -> bool:
    """Keep the newest answers of a subject, no more than `bound`; whether there may be more."""
    cut = connection.execute(SELECT_TRIM_TIME, {"whose": subject, "bound": bound}).scalar()
    if cut is None:
        return False
    bounds = {"whose": subject, "cut": cut, "most": most}
    return connection.execute(DELETE_SURPLUS_ANSWERS, bounds).rowcount == most


def erase_answers(connection: Connection, keys: Sequence[int]) -> None:
    """Erase what was answered about sessions that are about to go; that there was an answer stays,
    so that the request is not carried out a second time."""
    connection.execute(ERASE_ANSWERS, {"keys": keys})
