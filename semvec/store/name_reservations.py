"""Reserve the new names of a batch, each for the first operation that succeeds with it."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection

from semvec.store import statements
from semvec.store.records import Create, UniqueRow
from semvec.store.rows import SqlRow, run
from semvec.store.statements import UPSERTS

UniqueName = tuple[str, ...]


class NameReservations:
    """The names that a batch wants, inserted in one order; names that exist are not free.

    A row inserted for an operation that does not take effect goes to the next operation that wants
    the name, or is deleted by `release_unused`.
    """

    def __init__(self, connection: Connection, wanted: Sequence[Create | UniqueRow]) -> None:
        self._connection = connection
        first: dict[UniqueName, Create | UniqueRow] = {}
        for part in wanted:
            first.setdefault(part.name, part)
        ordered = [first[name] for name in sorted(first)]
        self._rows: dict[UniqueName, UniqueRow] = {}
        for part in ordered:
            if isinstance(part, UniqueRow) and part.insert(connection):
                self._rows[part.name] = part
        self._created = self._insert([part for part in ordered if isinstance(part, Create)])
        self._altered: list[SqlRow] = []

    def is_free(self, part: Create | UniqueRow) -> bool:
        return part.name in (self._rows if isinstance(part, UniqueRow) else self._created)

    def reserve(self, part: Create | UniqueRow) -> int:
        """Reserve a free name; return the key of a session, 0 for other rows."""
        if isinstance(part, Create):
            key, inserted = self._created.pop(part.name)
            if inserted is not part:
                self._altered.append({"at": key, **_times_and_kind(part)})
            return key
        inserted_row = self._rows.pop(part.name)
        if inserted_row is not part:
            inserted_row.release(self._connection)
            part.insert(self._connection)
        return 0

    def release_unused(self) -> None:
        """Delete the rows that no operation has reserved."""
        for row in self._rows.values():
            row.release(self._connection)
        run(self._connection, statements.RESET_HEAD, self._altered)
        if unused := [key for key, _ in self._created.values()]:
            self._connection.execute(statements.ERASE_HEADS, {"keys": unused})

    def _insert(self, creates: Sequence[Create]) -> dict[UniqueName, tuple[int, Create]]:
        if not creates:
            return {}
        by_id = {(create.owner, create.session_id): create for create in creates}
        statement = UPSERTS[self._connection.dialect.name].create
        rows = self._connection.execute(statement, [_new_session(each) for each in creates])
        made = {(owner, session_id): key for key, owner, session_id in rows}
        return {by_id[place].name: (key, by_id[place]) for place, key in made.items()}


def _new_session(create: Create) -> dict[str, Any]:
    return {
        "owner": create.owner,
        "owner_of": create.owner,
        "session_id": create.session_id,
        "seq": 1,
        "snapshot_seq": 0,
        "created_at": create.created_at,
        "last_used_at": create.created_at,
        "interaction_count": 0,
        "total_memories": 0,
        "kind": create.kind,
        "line": create.line,
        "dimension": create.dimension,
        "mean": create.mean,
        "phase": create.phase,
        "drift_phase": create.drift_phase,
    }


def _times_and_kind(create: Create) -> dict[str, Any]:
    return {
        "made_at": create.created_at,
        "is_of": create.kind,
        "first_line": create.line,
        "dim": create.dimension,
        "state": create.mean,
        "phase_now": create.phase,
        "drift_now": create.drift_phase,
    }
