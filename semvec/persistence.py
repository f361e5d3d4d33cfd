"""Convert sessions to stored rows and back."""

import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

import numpy as np
import numpy.typing as npt
from msgspec.structs import replace

from semvec.errors import Damaged, SemvecError
from semvec.kernels.pages import VectorPools
from semvec.session import snapshot
from semvec.session.events import (
    Consolidated,
    MemoryRecord,
    MemoryTier,
    SessionCreated,
    StateMoved,
    StateUpdated,
    Turn,
    decode_event,
    decode_memory,
    decode_piece,
    encode_event,
    encode_memory,
    encode_piece,
)
from semvec.session.head_state import Mean, head_state, head_state_after
from semvec.session.session import Session
from semvec.session.state import interpolate
from semvec.store import (
    Append,
    ArchivedRow,
    HeadSummary,
    MemoryRow,
    PieceRow,
    Snapshot,
    StoredSession,
)
from semvec.vectors import packed, unpacked
from semvec.words import terms


@dataclass(frozen=True, slots=True, eq=False)
class PersistedState:
    """What storage holds of a session besides its journal: a snapshot as of `seq` (0 for none),
    rows of memories up to `memory_id`, and rows of `pieces`, all with ids below `next_piece`."""

    seq: int
    memory_id: int
    pieces: npt.NDArray[np.int64]
    next_piece: int


NOTHING_PERSISTED = PersistedState(0, 0, np.zeros(0, np.int64), 1)


NextEvent = Turn | Consolidated | StateMoved | StateUpdated
"""An event of an existing session."""


def append_of(key: int, session: Session, line: bytes | None, event: NextEvent) -> Append:
    """Build the append of `event`, which was decided on `session` as of `line`."""
    if isinstance(event, Turn):
        return _turn_append(key, session, line, event)
    return Append(
        key=key,
        seq=session.seq,
        events=(encode_event(event),),
        used_at=session.used_at,
        interaction_count=session.state.interaction_count + isinstance(event, StateUpdated),
        total_memories=session.total_memories,
        line=line,
        **head_columns(session, event),
    )


class HeadColumns(TypedDict):
    """The state columns of a head, which are read for many sessions without rebuilding them."""

    dimension: int
    mean: bytes
    phase: str
    drift_phase: str


def head_columns(session: Session, event: NextEvent | None = None) -> HeadColumns:
    """Return the state columns of a session as it is, or as it is after `event`."""
    found = head_state(session) if event is None else head_state_after(session, event)
    return {
        "dimension": session.profile.dimension,
        "mean": mean_bytes(found.mean),
        "phase": found.phase,
        "drift_phase": found.drift_phase,
    }


def mean_bytes(mean: Mean) -> bytes:
    """Return a state as float32 bytes, the format of heads."""
    return packed(mean.astype(np.float32))


def moved_append(place: HeadSummary, event: StateMoved) -> Append:
    """Build the append of `event` from the head's state alone, without the session in memory."""
    assert place.mean is not None
    mean = unpacked(place.mean).astype(np.float64)
    return Append(
        key=place.key,
        seq=place.seq,
        events=(encode_event(event),),
        used_at=place.last_used_at,
        interaction_count=place.interaction_count,
        total_memories=place.total_memories,
        dimension=place.dimension,
        mean=mean_bytes(interpolate(mean, unpacked(event.toward), event.share)),
        phase=place.phase,
        drift_phase=place.drift_phase,
        line=place.line,
    )


def _turn_append(key: int, session: Session, line: bytes | None, turn: Turn) -> Append:
    gone = [move.memory_id for move in turn.moves if move.tier is MemoryTier.ARCHIVE]
    fresh = sum(not learnt.reinforces for learnt in turn.learnt)
    updates = sum(learnt.update is not None for learnt in turn.learnt)
    return Append(
        key=key,
        seq=session.seq,
        events=(encode_event(turn),),
        used_at=turn.at,
        interaction_count=session.state.interaction_count + updates,
        total_memories=session.total_memories + fresh,
        archived=tuple(archived_row(accessed(session.memories.record(i), turn)) for i in gone),
        returned=tuple(record.id for record in turn.returned),
        line=line,
        **head_columns(session, turn),
    )


def snapshot_of(
    key: int, session: Session, line: bytes | None, saved: PersistedState
) -> Callable[[], Snapshot]:
    """Take a snapshot as of now, with the rows that storage lacks according to `saved`.

    The returned function encodes it and may run on any thread.
    """
    young = tuple(session.memories.records_after(saved.memory_id))
    added = tuple(session.pieces_from(saved.next_piece))
    since = np.arange(saved.next_piece, session.next_piece)
    known = np.concatenate([saved.pieces, since])
    dropped = tuple(np.setdiff1d(known, snapshot.piece_ids(session), True).tolist())
    seq, payload = session.seq, snapshot.take(session)

    def encoded() -> Snapshot:
        return Snapshot(
            key=key,
            seq=seq,
            payload=payload,
            memories=tuple(map(memory_row, young)),
            pieces=tuple(PieceRow(piece.id, encode_piece(piece)) for piece in added),
            dropped=dropped,
            line=line,
            base=saved.seq,
        )

    return encoded


def persisted_state(session: Session) -> PersistedState:
    """Return what storage holds once a snapshot of the session as it is now is saved."""
    pieces = snapshot.piece_ids(session)
    return PersistedState(session.seq, session.next_id - 1, pieces, session.next_piece)


def restored(
    stored: StoredSession, planes: VectorPools | None = None
) -> tuple[Session, PersistedState]:
    """Rebuild a session as of its snapshot, or of its creation; return it with its persisted
    state."""
    if stored.snapshot is None:
        created = decode_event(stored.events[0][1])
        assert isinstance(created, SessionCreated)
        return Session(created, planes), NOTHING_PERSISTED
    contents = {key: decode_memory(memory) for key, memory in stored.memories.items()}
    pieces = {key: decode_piece(piece) for key, piece in stored.pieces.items()}
    seq, payload = stored.snapshot
    session = snapshot.restore(payload, contents, pieces, planes)
    session.seq = seq  # for an import the number is assigned at commit
    return session, persisted_state(session)


def rebuilt(
    stored: StoredSession, planes: VectorPools | None = None
) -> tuple[Session, PersistedState]:
    """Rebuild a session as of its last event, its vectors in `planes`. Raise Damaged."""
    head = stored.head
    with reading_rows(head.session_id, head.key):
        session, saved = restored(stored, planes)
        if not replay(session, stored.events):
            raise Gap(f"the journal of session {head.key} has a gap after {session.seq}")
        if session.seq != head.seq:
            raise Gap(
                f"the journal of session {head.key} ends at {session.seq}, its head is at "
                f"{head.seq}"
            )
    return session, saved


class Gap(ValueError):
    """Events are missing, or there are more than the head says."""


@contextmanager
def reading_rows(session_id: str, key: int) -> Iterator[None]:
    """Raise Damaged for any error caused by a session's rows."""
    try:
        yield
    except (SemvecError, OSError, MemoryError):
        raise
    except Exception as error:
        raise Damaged(session_id, key, reason_of(error)) from error


def reason_of(error: Exception) -> str:
    """Describe an error without the contents of rows, which decoders quote."""
    if isinstance(error, Gap):
        return str(error)
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} at line {frame.lineno} of {Path(frame.filename).name}"


def replay(session: Session, events: tuple[tuple[int, bytes], ...]) -> bool:
    """Apply the events that follow; return False at a missing one, after which nothing is
    applied."""
    for seq, payload in events:
        if seq <= session.seq:
            continue
        if seq != session.seq + 1:
            return False
        session.apply(decode_event(payload))
    return True


def accessed(record: MemoryRecord, turn: Turn) -> MemoryRecord:
    """Return the record with the accesses that `turn` contains."""
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
