"""Classify failures of transactions that were certainly rolled back."""

import sqlite3
from enum import Enum

from sqlalchemy.exc import SQLAlchemyError, StatementError

from semvec.errors import Unavailable

CONFLICTS = frozenset({"40001", "40P01"})
"""SQLSTATE of a serialization failure and of a deadlock."""
LOCK_TIMEOUT = "55P03"
REFUSALS = frozenset({"21", "22", "23", "27", "44", "54", "P0", "XX"})
"""SQLSTATE classes caused by what one statement writes or reads: values, constraints, triggers, row
limits, damaged pages."""
AT_STATEMENTS = (sqlite3.IntegrityError, sqlite3.DataError, OverflowError, UnicodeError)
"""Errors that COMMIT never raises: SQLite's driver runs the last statements of a transaction
together with it."""


class Failure(Enum):
    """The kind of a failure.

    CONFLICT is temporary: another transaction was in the way. BLOCKED may last: another transaction
    holds a lock and does not end. REFUSAL is permanent: the database or the program refused a
    statement.
    """

    CONFLICT = "conflict"
    BLOCKED = "blocked"
    REFUSAL = "refusal"


def failure_of(error: BaseException, *, committing: bool = False) -> Failure | None:
    """Classify a failure; return None for other causes, or if it is unknown whether the transaction
    was rolled back.

    `committing` says whether COMMIT had begun: from then on most errors leave the outcome unknown.
    """
    origin = _origin(error)
    if isinstance(origin, AT_STATEMENTS):
        return Failure.REFUSAL
    if committing:
        return None
    state = getattr(origin, "sqlstate", None)
    if state in CONFLICTS:
        return Failure.CONFLICT
    if state == LOCK_TIMEOUT:
        return Failure.BLOCKED
    if state is not None:
        return Failure.REFUSAL if state[:2] in REFUSALS else None
    return Failure.REFUSAL if _is_of_a_value(origin) else None


def _origin(error: BaseException) -> BaseException:
    """Return the driver's error, or the error of preparing the statement."""
    if isinstance(error, Unavailable) and error.__cause__ is not None:
        error = error.__cause__
    if isinstance(error, StatementError) and error.orig is not None:
        return error.orig
    return error


def _is_of_a_value(origin: BaseException) -> bool:
    """Whether a value could not be sent, or the program itself failed before sending it."""
    if type(origin).__module__.startswith("sqlalchemy"):  # asyncpg's error in a DBAPI wrapper
        return isinstance(origin.__cause__, ValueError)
    return isinstance(origin, Exception) and not isinstance(
        origin, (SQLAlchemyError, OSError, sqlite3.Error, Unavailable)
    )
