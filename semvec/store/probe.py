"""A write for its own sake, which shows whether storage commits."""

from dataclasses import dataclass
from hashlib import shake_256

from sqlalchemy import Connection
from sqlalchemy.dialects import postgresql, sqlite

from semvec.store.tables import probes

FILLER_BYTES = 65_536
"""About what a busy moment commits: a disk with room for less is full."""


@dataclass(frozen=True, slots=True)
class Probe:
    """Replaces the one row of its table; each `seed` makes another row, of as many bytes."""

    seed: int

    def carry_out(self, connection: Connection) -> bool:
        dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
        filler = shake_256(self.seed.to_bytes(8, "big")).digest(FILLER_BYTES)
        row = dialect.insert(probes).values(id=1, filler=filler)
        connection.execute(
            row.on_conflict_do_update(index_elements=["id"], set_={"filler": filler})
        )
        return True
