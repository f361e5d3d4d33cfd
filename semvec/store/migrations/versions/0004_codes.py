"""Rewrite the vectors of memories from float32 to int8 codes."""

from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np
import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

PAGE = 500
"""Rows in one page."""


def upgrade() -> None:
    _rewrite("memories", "id", _coded)
    _rewrite("events", "seq", _with_returned_coded)


def _rewrite(name: str, number: str, renewed: Callable[[Any], bool]) -> None:
    """Rewrite the payloads of a table, a page at a time in the order of its key."""
    connection = op.get_bind()
    key, which = sa.column("key", sa.BigInteger), sa.column(number, sa.BigInteger)
    table = sa.table(name, key, which, sa.column("payload", sa.LargeBinary))
    update = (
        sa.update(table)
        .where(key == sa.bindparam("at"), which == sa.bindparam("row"))
        .values(payload=sa.bindparam("new"))
    )
    place = sa.tuple_(key, which)
    page = sa.select(table).order_by(key, which).limit(PAGE)
    rows = connection.execute(page).all()
    while rows:
        read = [(at, row, msgspec.msgpack.decode(payload)) for at, row, payload in rows]
        changed = [
            {"at": at, "row": row, "new": msgspec.msgpack.encode(record)}
            for at, row, record in read
            if renewed(record)
        ]
        if changed:
            connection.execute(update, changed)
        rows = connection.execute(page.where(place > sa.tuple_(*rows[-1][:2]))).all()


def _with_returned_coded(event: dict[str, Any]) -> bool:
    return sum(map(_coded, event.get("returned", ()))) > 0


def _coded(record: dict[str, Any]) -> bool:
    """Encode a memory's vectors as int8; return False if the release that wrote it already did."""
    if "tokens" in record:
        return False
    record["vector"] = _codes(record["vector"])
    if record["question_vector"] is not None:
        record["question_vector"] = _codes(record["question_vector"])
    record["tokens"] = None
    return True


def _codes(packed: bytes) -> bytes:
    vector = np.frombuffer(packed, "<f4")
    codes: bytes = (
        np.rint(vector * (np.float32(127.0) / np.abs(vector).max())).astype("i1").tobytes()
    )
    return codes
