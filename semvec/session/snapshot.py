"""A session as bytes: what changes in one small record, the memories' contents beside it."""

from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from semvec.session import drift
from semvec.session.events import Created, MemoryRecord, Profile, Tier
from semvec.session.session import Pending, Session
from semvec.session.state import State, Switch, Update

VERSION = 1


class StateRecord(msgspec.Struct, frozen=True):
    mean: bytes
    interaction_count: int
    prior_weight: int
    boost_remaining: int
    updates: list[Update]
    switches: list[Switch]


class Columns(msgspec.Struct, frozen=True):
    """What changes about the hot memories: one little-endian column each, in the order of `ids`."""

    ids: bytes
    last_access: bytes
    accesses: bytes
    importance: bytes


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


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(SnapshotRecord).decode


def take(session: Session) -> bytes:
    """The session but for its memories' contents; equal sessions give equal bytes."""
    memories = session.memories
    ids = [memory_id for tier in memories.tier_ids.values() for memory_id in tier]
    rows = np.fromiter((memories.row(memory_id) for memory_id in ids), np.intp, len(ids))

    def column(values: npt.NDArray[Any]) -> bytes:
        return values[rows].tobytes()

    return _encode(
        SnapshotRecord(
            version=VERSION,
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
            ),
        )
    )


def restore(payload: bytes, contents: Mapping[int, MemoryRecord]) -> Session:
    """The session that `take` saw; `contents` holds at least its hot memories, by id.

    Raises ValueError for a snapshot of a later version, KeyError where a memory is missing.
    """
    record = _decode(payload)
    if record.version > VERSION:
        raise ValueError(f"a snapshot of version {record.version}, this release reads {VERSION}")
    session = Session(Created(record.created_at, record.profile))
    session.seq, session.used_at = record.seq, record.used_at
    session.next_id, session.archived = record.next_id, record.archived
    session.pending = record.pending
    session.drift = drift.unpack(record.drift)
    _restore_state(session.state, record.state)
    columns = record.columns
    changed = zip(
        np.frombuffer(columns.ids, np.int64).tolist(),
        np.frombuffer(columns.last_access, np.float64).tolist(),
        np.frombuffer(columns.accesses, np.int64).tolist(),
        np.frombuffer(columns.importance, np.float64).tolist(),
        strict=True,
    )
    tier_of = {memory_id: Tier(tier) for tier, held in record.tiers.items() for memory_id in held}
    for memory_id, last_access, accesses, importance in changed:
        memory = msgspec.structs.replace(
            contents[memory_id],
            last_access=last_access,
            access_count=accesses,
            importance=importance,
        )
        session.memories.add(memory, tier_of[memory_id])
    return session


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
