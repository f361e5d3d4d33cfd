"""A write for its own sake, which shows whether storage commits."""

from dataclasses import dataclass
from hashlib import shake_256

from sqlalchemy import Connection, delete, insert

from semvec.store.tables import probes

FILLER_BYTES = 65_536
"""About what a busy moment commits: a disk with room for less is full."""


@dataclass(frozen=True, slots=True)
class Probe:
    """A new row takes the place of the last one, which is dropped after it: so it needs room.

    Each `seed` makes other bytes, for databases do not write what is there already.
    """

    seed: int

    def carry_out(self, connection: Connection) -> bool:
        filler = shake_256(self.seed.to_bytes(8, "big")).digest(FILLER_BYTES)
        connection.execute(insert(probes).values(id=self.seed, filler=filler))
        connection.execute(delete(probes).where(probes.c.id != self.seed))
        return True
