"""Verification of the audit log: every row is present and unchanged."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import orjson

from semvec.store import ChainLink, RecordedEntry
from semvec.store.audit import digest

ELSEWHERE = "somebody"
"""The name used for the source of an end that was kept outside the database."""


@dataclass(frozen=True, slots=True)
class ChainFault:
    """A fault at one row of a chain."""

    chain: int
    seq: int
    what: str

    def __str__(self) -> str:
        return f"chain {self.chain}, row {self.seq}: {self.what}"


@dataclass(frozen=True, slots=True)
class ChainReport:
    """The result of a verification.

    `ends` are the last rows of the chains; stored elsewhere, they later reveal rows cut off at an
    end.
    """

    rows: int
    ends: list[ChainLink]
    faults: list[ChainFault]

    @property
    def intact(self) -> bool:
        return not self.faults


class ChainInspection:
    """Check all rows, oldest first, and collect faults.

    `begins` are the links before the first rows of the chains. `known` are rows that must exist or
    be pruned, each with the source that names it.
    """

    def __init__(self, begins: Iterable[ChainLink], known: Iterable[tuple[str, ChainLink]]) -> None:
        self._begins = {begin.chain: begin for begin in begins}
        self._ends = dict(self._begins)
        self._known: dict[tuple[int, int], dict[bytes, str]] = {}
        for who, link in known:
            self._known.setdefault((link.chain, link.seq), {})[link.hash] = who
        self._rows = 0
        self._faults: list[ChainFault] = []

    def see(self, page: Iterable[RecordedEntry]) -> None:
        for row in page:
            self._faults += self._wrong(row)
            self._ends[row.chain] = ChainLink(row.chain, row.seq, row.hash)
            self._rows += 1

    def report(self) -> ChainReport:
        missing = [
            ChainFault(chain, seq, f"{who} names this row, and it is missing")
            for (chain, seq), hashes in self._known.items()
            for who in hashes.values()
            if not self._pruned(chain, seq)
        ]
        faults = sorted([*self._faults, *missing], key=lambda fault: (fault.chain, fault.seq))
        return ChainReport(self._rows, [*self._ends.values()], faults)

    def _wrong(self, row: RecordedEntry) -> Iterator[ChainFault]:
        end = self._ends.get(row.chain)
        if end is None:
            yield ChainFault(row.chain, row.seq, "there is no such chain")
        elif row.seq <= end.seq:
            yield ChainFault(row.chain, row.seq, f"it comes after row {end.seq}")
        elif row.seq > end.seq + 1:
            missing = f"{end.seq + 1}" + (f" to {row.seq - 1}" if row.seq > end.seq + 2 else "")
            yield ChainFault(row.chain, row.seq, f"before it, row {missing} is missing")
        elif digest(end.hash, row.chain, row.seq, row.entry) != row.hash:
            yield ChainFault(row.chain, row.seq, "it does not hash on top of the row before it")
        for hash, who in self._known.pop((row.chain, row.seq), {}).items():
            if hash != row.hash:
                yield ChainFault(row.chain, row.seq, f"it is not the row that {who} names")

    def _pruned(self, chain: int, seq: int) -> bool:
        begin = self._begins.get(chain)
        return begin is not None and seq <= begin.seq


def named_by(opening: RecordedEntry) -> Iterator[tuple[str, ChainLink]]:
    """Yield the last rows of other chains that the first row of a chain names."""
    try:
        named: Any = orjson.loads(opening.entry.details)["after"]
        links = [ChainLink(chain, seq, bytes.fromhex(hash)) for chain, seq, hash in named]
    except (ValueError, KeyError, TypeError):
        return  # the row was changed: its hash fails too
    for link in links:
        yield f"chain {opening.chain}", link


def link_of(text: str) -> ChainLink:
    """Parse a printed end, CHAIN:SEQ:HASH. Raise ValueError."""
    chain, seq, hash = text.split(":")
    return ChainLink(int(chain), int(seq), bytes.fromhex(hash))


def printed(link: ChainLink) -> str:
    return f"{link.chain}:{link.seq}:{link.hash.hex()}"
