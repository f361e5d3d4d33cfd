"""Snapshots: the changing values of a session in one small record; contents of memories and
components are separate rows."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from semvec.kernels.pages import VectorPools
from semvec.session import drift
from semvec.session.events import Component, MemoryRecord, MemoryTier, Profile, SessionCreated, Use
from semvec.session.memory import Memories
from semvec.session.session import Pending, Session
from semvec.session.state import State, TopicSwitch, Update

SNAPSHOT_VERSION = 2


class StateRecord(msgspec.Struct, frozen=True):
    mean: bytes
    interaction_count: int
    prior_weight: int
    boost_remaining: int
    updates: list[Update]
    switches: list[TopicSwitch]


class Columns(msgspec.Struct, frozen=True):
    """The changing values of the cached memories: one little-endian column each, in the order of
    `ids`.

    Earlier releases stored no `standing`, and no `nearest`, which never changed.
    """

    ids: bytes
    last_access: bytes
    accesses: bytes
    importance: bytes
    nearest: bytes = b""
    standing: bytes = b""


class Pieces(msgspec.Struct, frozen=True):
    """The ids of the components by kind, and the next id; `uses` belong to `entities`."""

    next_id: int = 1
    triggers: bytes = b""
    anchors: bytes = b""
    isolation: bytes = b""
    held: bytes = b""
    entities: bytes = b""
    uses: bytes = b""


class SnapshotRecord(msgspec.Struct, frozen=True):
    version: int
    seq: int
    created_at: float
    used_at: float
    profile: Profile
    state: StateRecord
    drift: bytes
    pending: Pending | None
    next_id: int
    archived: int
    tiers: dict[int, list[int]]
    columns: Columns
    pieces: Pieces = Pieces()


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(SnapshotRecord).decode


def take(session: Session) -> bytes:
    """Encode the session without the contents of memories and components. Equal sessions give equal
    bytes."""
    memories = session.memories
    ids = [memory_id for tier in memories.tier_ids.values() for memory_id in tier]
    rows = np.fromiter((memories.row(memory_id) for memory_id in ids), np.intp, len(ids))

    def column(values: npt.NDArray[Any]) -> bytes:
        return values[rows].tobytes()

    return _encode(
        SnapshotRecord(
            version=SNAPSHOT_VERSION,
            seq=session.seq,
            created_at=session.created_at,
            used_at=session.used_at,
            profile=session.profile,
            state=_take_state(session.state),
            drift=drift.pack(session.drift),
            pending=session.pending,
            next_id=session.next_id,
            archived=session.archived,
            tiers={int(tier): list(held) for tier, held in memories.tier_ids.items()},
            columns=Columns(
                ids=np.array(ids, np.int64).tobytes(),
                last_access=column(memories.last_access),
                accesses=column(memories.accesses),
                importance=column(memories.importance),
                nearest=column(memories.nearest),
                standing=column(memories.standing),
            ),
            pieces=_take_pieces(session),
        )
    )


def restore(
    payload: bytes,
    contents: Mapping[int, MemoryRecord],
    pieces: Mapping[int, Component] = MappingProxyType({}),
    planes: VectorPools | None = None,
) -> Session:
    """Rebuild the session that was passed to `take`, its vectors in `planes`. `contents` must hold
    its cached memories by id, `pieces` its components; both may hold more.

    Raises ValueError for a snapshot of a later version, KeyError for missing contents.
    """
    record = _decode(payload)
    if record.version > SNAPSHOT_VERSION:
        raise ValueError(
            f"a snapshot of version {record.version}, this release reads {SNAPSHOT_VERSION}"
        )
    session = Session(SessionCreated(record.created_at, record.profile), planes)
    session.seq, session.used_at = record.seq, record.used_at
    session.next_id, session.archived = record.next_id, record.archived
    session.pending = record.pending
    session.drift = drift.unpack(record.drift)
    _restore_state(session.state, record.state)
    _restore_memories(session.memories, record, contents)
    _restore_pieces(session, record.pieces, pieces)
    return session


def _restore_memories(
    memories: Memories, record: SnapshotRecord, contents: Mapping[int, MemoryRecord]
) -> None:
    columns = record.columns
    tier_of = {
        memory_id: MemoryTier(tier) for tier, held in record.tiers.items() for memory_id in held
    }
    for memory_id in np.frombuffer(columns.ids, np.int64).tolist():
        memories.add(contents[memory_id], tier_of[memory_id])
    rows = slice(0, len(memories))  # filled in order
    memories.last_access[rows] = np.frombuffer(columns.last_access, np.float64)
    memories.accesses[rows] = np.frombuffer(columns.accesses, np.int64)
    memories.importance[rows] = np.frombuffer(columns.importance, np.float64)
    if columns.nearest:
        memories.nearest[rows] = np.frombuffer(columns.nearest, np.float64)
        memories.standing[rows] = np.frombuffer(columns.standing, np.int8)


def piece_ids(session: Session) -> npt.NDArray[np.int64]:
    """Return the ids of all components of a session, kind by kind."""
    record = _take_pieces(session)
    columns = record.triggers, record.anchors, record.isolation, record.held, record.entities
    return np.frombuffer(b"".join(columns), np.int64)


def _take_pieces(session: Session) -> Pieces:
    setting = session.guard.setting
    return Pieces(
        next_id=session.next_piece,
        triggers=_ints(each.id for each in session.triggers),
        anchors=_ints(each.id for each in session.anchors_set),
        isolation=_ints([setting.id] if setting.id else []),
        held=_ints(session.quarantine.items),
        entities=_ints(session.literals.ids),
        uses=_ints(entry.uses for entry in session.literals.entries),
    )


def _restore_pieces(session: Session, record: Pieces, pieces: Mapping[int, Component]) -> None:
    for column in (record.triggers, record.anchors, record.isolation, record.held, record.entities):
        for piece_id in np.frombuffer(column, np.int64).tolist():
            session.add(pieces[piece_id])
    counted = zip(
        np.frombuffer(record.entities, np.int64).tolist(),
        np.frombuffer(record.uses, np.int64).tolist(),
        strict=True,
    )
    for entity_id, uses in counted:
        session.literals.use(Use(entity_id, uses))
    session.next_piece = record.next_id


def _ints(values: Iterable[int]) -> bytes:
    return np.fromiter(values, np.int64).tobytes()


def _take_state(state: State) -> StateRecord:
    return StateRecord(
        mean=state.mean.astype("<f8", copy=False).tobytes(),
        interaction_count=state.interaction_count,
        prior_weight=state.prior_weight,
        boost_remaining=state.boost_remaining,
        updates=list(state.updates),
        switches=list(state.switches),
    )


def _restore_state(state: State, record: StateRecord) -> None:
    state.mean = np.frombuffer(record.mean, "<f8").astype(np.float64, copy=False)
    state.interaction_count = record.interaction_count
    state.prior_weight = record.prior_weight
    state.boost_remaining = record.boost_remaining
    state.updates.extend(record.updates)
    state.switches.extend(record.switches)
