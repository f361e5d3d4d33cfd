"""Check whether a database holds what its heads say, session by session."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import msgspec

from semvec.errors import Damaged
from semvec.persistence import head_columns, reading_rows, rebuilt
from semvec.session.events import decode_memory
from semvec.session.session import Session
from semvec.session.snapshot import SnapshotRecord
from semvec.session.transfer import image_of
from semvec.session.verify import Check, checked, invariants, memory_faults
from semvec.store import Head, MemoryRow, StoreError
from semvec.store.inspect import DatabaseInspection, Everything, Named, inspecting


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault of a session, or of the database if `session` is None."""

    fault: str
    session: Named | None = None

    def __str__(self) -> str:
        if self.session is None:
            return self.fault
        named = self.session
        return f"session {named.key} ({named.session_id!r} of {named.owner!r}): {self.fault}"


@dataclass(slots=True)
class DatabaseReport:
    sessions: int = 0
    memories: int = 0
    faults: list[Fault] = field(default_factory=list)


async def check_database(url: str) -> DatabaseReport:
    """Check a whole database, which may be in use. Raise StoreError if there is none."""
    report = DatabaseReport()
    async with inspecting(url) as inspection:
        report.faults += map(Fault, await _faults_of_database(inspection))
        if not report.faults:
            await _check_sessions(inspection, report)
    return report


async def _faults_of_database(inspection: DatabaseInspection) -> list[str]:
    try:
        found = await inspection.faults_of_file()
    except StoreError as error:
        found = [str(error)]
    if found:
        return [f"the database file: {fault}" for fault in found]
    revision, known = await inspection.schema()
    if revision == known:
        return []
    return [
        f"its schema is {revision}, this release checks {known}: use the release that wrote it, or "
        "start a server of this one on it first"
    ]


async def _check_sessions(inspection: DatabaseInspection, report: DatabaseReport) -> None:
    async for named in inspection.names():
        try:
            everything = await inspection.everything(named)
        except StoreError as error:
            report.faults.append(Fault(f"its rows cannot be read: {error}", named))
            continue
        if everything is not None:
            report.sessions += 1
            report.memories += everything.head.total_memories
            report.faults += [Fault(each, named) for each in session_faults(everything)]
    report.faults += [Fault(each) for each in await inspection.strays()]


def session_faults(everything: Everything) -> Iterator[str]:
    """Yield the faults of a session that can be detected."""
    head, stored = everything.head, everything.stored
    have = stored.snapshot[0] if stored.snapshot else 0
    if have != everything.outlook.snapshot_seq:
        yield (
            f"its head tells of a snapshot as of {everything.outlook.snapshot_seq}, there is one "
            f"as of {have}"
        )
    try:
        session, _ = rebuilt(stored)
        with reading_rows(head.session_id, head.key):
            faults = list(_faults_of(everything, session))
    except Damaged as damage:
        yield f"it cannot be rebuilt: {damage.reason}"
        return
    yield from faults


def _faults_of(everything: Everything, session: Session) -> Iterator[str]:
    image = image_of(session)
    checks = [*invariants(image), journal(everything.head, session)]
    yield from (f"{check.name}: {check.detail}" for check in checks if not check.ok)
    outlook, now = everything.outlook, head_columns(session)
    if outlook.dimension is not None and any(
        getattr(outlook, name) != value for name, value in now.items()
    ):
        yield "its head tells of another state than its events make"
    yield from page_faults(everything.memories, image.record)
    archived = len({row.id for row in everything.memories} - image.memories.keys())
    if archived != image.record.archived:
        yield f"it counts {image.record.archived} archived memories, there are {archived}"


def journal(head: Head, copy: Session) -> Check:
    """Check that the head's counts match its events."""
    found = copy.seq, copy.state.interaction_count, copy.total_memories
    faults = []
    if found != (head.seq, head.interaction_count, head.total_memories):
        faults = [f"events make {found}, the head has another seq or other counts"]
    return checked("journal", faults, f"{copy.seq} events")


def page_faults(page: Sequence[MemoryRow], session: SnapshotRecord) -> list[str]:
    faults: list[str] = []
    for row in page:
        try:
            record = decode_memory(row.payload)
        except msgspec.DecodeError:
            faults.append(f"memory {row.id}: its row cannot be read")
            continue
        faults += memory_faults(record, session)
        if (record.id, record.hash, record.fold) != (row.id, row.hash, row.fold):
            faults.append(f"memory {row.id} is filed under another id, hash or fold")
    return faults
