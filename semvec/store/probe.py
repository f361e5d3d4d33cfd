"""A test write, which shows whether storage commits."""

from dataclasses import dataclass
from hashlib import shake_256

from sqlalchemy import Connection, delete, insert

from semvec.store.tables import probes

FILLER_BYTES = 65_536
"""About as many bytes as a busy moment commits: a disk with less room counts as full."""


@dataclass(frozen=True, slots=True)
class Probe:
    """Insert a new row, then delete the former one; the order makes it need room.

    Each `seed` gives other bytes, because databases do not write unchanged pages.
    """

    seed: int

    def carry_out(self, connection: Connection) -> bool:
        filler = shake_256(self.seed.to_bytes(8, "big")).digest(FILLER_BYTES)
        connection.execute(insert(probes).values(id=self.seed, filler=filler))
        connection.execute(delete(probes).where(probes.c.id != self.seed))
        return True
