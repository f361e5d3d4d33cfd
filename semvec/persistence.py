"""Sessions as storage keeps them, and back."""

from msgspec.structs import replace

from semvec.session import snapshot
from semvec.session.events import (
    Created,
    MemoryRecord,
    Tier,
    Turn,
    decode_event,
    decode_memory,
    encode_event,
    encode_memory,
)
from semvec.session.session import Session
from semvec.session.words import terms
from semvec.store import Append, ArchivedRow, MemoryRow, Snapshot, Stored


def append_of(key: int, session: Session, turn: Turn) -> Append:
    """The write that makes `turn`, decided on `session`, its next event."""
    gone = [move.memory_id for move in turn.moves if move.tier is Tier.ARCHIVE]
    fresh = sum(not learnt.reinforces for learnt in turn.learnt)
    return Append(
        key=key,
        seq=session.seq,
        events=(encode_event(turn),),
        used_at=turn.at,
        interaction_count=session.state.interaction_count + len(turn.learnt),
        total_memories=session.total_memories + fresh,
        archived=tuple(archived_row(accessed(session.memories.record(i), turn)) for i in gone),
        returned=tuple(record.id for record in turn.returned),
    )


def snapshot_of(key: int, session: Session, saved_id: int) -> Snapshot:
    """A snapshot as of now, with the contents of hot memories learnt after `saved_id`."""
    young = tuple(map(memory_row, session.memories.records_after(saved_id)))
    return Snapshot(key, session.seq, snapshot.take(session), young)


def restored(stored: Stored) -> tuple[Session, int, int]:
    """A session as of its snapshot, or of its creation, the seq of that snapshot, or 0, and the
    highest id of a memory that has a row by then."""
    if stored.snapshot is None:
        created = decode_event(stored.events[0][1])
        assert isinstance(created, Created)
        return Session(created), 0, 0
    seq, payload = stored.snapshot
    contents = {key: decode_memory(memory) for key, memory in stored.memories.items()}
    session = snapshot.restore(payload, contents)
    return session, seq, session.next_id - 1


def replay(session: Session, events: tuple[tuple[int, bytes], ...]) -> bool:
    """Apply the events that follow; False where one is missing and nothing more can be applied."""
    for seq, payload in events:
        if seq <= session.seq:
            continue
        if seq != session.seq + 1:
            return False
        session.apply(decode_event(payload))
    return True


def accessed(record: MemoryRecord, turn: Turn) -> MemoryRecord:
    """The record with the accesses that `turn` notes."""
    for access in turn.accessed:
        if access.memory_id == record.id:
            return replace(
                record,
                access_count=record.access_count + access.count,
                last_access=max(record.last_access, access.at),
            )
    return record


def memory_row(record: MemoryRecord) -> MemoryRow:
    return MemoryRow(record.id, record.hash, record.fold, encode_memory(record))


def archived_row(record: MemoryRecord) -> ArchivedRow:
    distinct = dict.fromkeys(terms(record.text))
    return ArchivedRow(memory_row(record), tuple(distinct))
