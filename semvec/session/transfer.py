"""Translation of a session into the parts of an export document, and back.

The parts are the structs of a snapshot (the core), of memories and of components (the controls) as
JSON: members named like fields, bytes as base64. A new field is therefore exported without further
code.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec
import numpy as np
from msgspec.structs import replace

from semvec.errors import Malformed
from semvec.session import drift, snapshot
from semvec.session.events import (
    Anchor,
    Component,
    Entity,
    Isolation,
    MemoryRecord,
    QuarantinedItem,
    Trigger,
)
from semvec.session.session import Session
from semvec.session.snapshot import Columns, Pieces, SnapshotRecord

FORMAT = "semvec-session"
EXPORT_VERSION = 1

OF_ITS_PLACE = ("version", "seq", "created_at", "used_at")
"""Fields of a snapshot that belong to the place of the session; an import keeps those of its
target."""
OF_OTHER_PARTS = ("archived", "columns", "pieces")
"""Fields of a snapshot that follow from the memories and the controls."""

ExportPart = dict[str, Any]
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Image:
    """All of a session but its archive; images are equal if the sessions are, to the bit."""

    record: SnapshotRecord
    memories: Mapping[int, MemoryRecord]
    pieces: Mapping[int, Component]


@dataclass(frozen=True, slots=True)
class CountedComponent:
    """A component, with its number of uses if it is an entity."""

    piece: Component
    uses: int = 0


def image_of(session: Session) -> Image:
    return Image(
        record=msgspec.msgpack.decode(snapshot.take(session), type=SnapshotRecord),
        memories={record.id: record for record in session.memories.records_after(0)},
        pieces={piece.id: piece for piece in session.pieces_from(0)},
    )


def session_of(image: Image) -> Session:
    """Rebuild a session. Raises Malformed if it does not reproduce the image."""
    record = msgspec.msgpack.encode(image.record)
    session = snapshot.restore(record, image.memories, image.pieces)
    if image_of(session) != image:
        raise Malformed("the export says what no session is: export it again")
    return session


def core_part(image: Image) -> ExportPart:
    part: ExportPart = builtins(image.record)
    for name in (*OF_ITS_PLACE, *OF_OTHER_PARTS):
        del part[name]
    found = msgspec.msgpack.decode(image.record.drift, type=drift.PackedDrift)
    part["drift"] = builtins(msgspec.structs.asdict(found))
    return part | {"next_control": image.record.pieces.next_id}


def memory_part(record: MemoryRecord) -> ExportPart:
    part: ExportPart = builtins(record)
    return part


def control_parts(image: Image) -> Iterator[ExportPart]:
    """Yield the controls by ascending id."""
    record = image.record.pieces
    entities = np.frombuffer(record.entities, np.int64).tolist()
    uses = dict(zip(entities, np.frombuffer(record.uses, np.int64).tolist(), strict=True))
    for piece_id, piece in sorted(image.pieces.items()):
        counted = {"uses": uses[piece_id]} if piece_id in uses else {}
        yield builtins(piece) | counted


def read_core(part: Any) -> SnapshotRecord:
    """Read the snapshot, without the parts that follow from memories and controls."""
    given = _object(part, "core")
    if strange := given.keys() & {*OF_ITS_PLACE, *OF_OTHER_PARTS}:
        raise Malformed(f"state_dict.core has {', '.join(sorted(strange))}, which is the server's")
    rest: ExportPart = {name: value for name, value in given.items() if name != "next_control"}
    rest |= {"version": snapshot.SNAPSHOT_VERSION, "seq": 0, "created_at": 0.0, "used_at": 0.0}
    rest |= {"archived": 0, "columns": builtins(Columns(b"", b"", b"", b""))}
    rest |= {"pieces": {"next_id": given.get("next_control")}}
    rest |= {"drift": msgspec.msgpack.encode(_read_drift(given.get("drift")))}
    return _read(rest, SnapshotRecord, "core")


def read_memory(part: Any, place: int) -> MemoryRecord:
    return _read(part, MemoryRecord, f"memories[{place}]")


def read_control(part: Any, place: int) -> CountedComponent:
    given = _object(part, where := f"controls[{place}]")
    uses = given.get("uses", 0)
    if type(uses) is not int or uses < 0 or ("uses" in given) != (given.get("type") == "entity"):
        raise Malformed(f"state_dict.{where}.uses is a count that entities have, and they alone")
    rest = {name: value for name, value in given.items() if name != "uses"}
    piece: Component = _read(rest, Component, where)  # type: ignore[arg-type]
    return CountedComponent(piece, uses)


def complete(
    core: SnapshotRecord,
    hot: Mapping[int, MemoryRecord],
    archived: int,
    controls: Sequence[CountedComponent],
) -> Image:
    """Assemble the image from its parts; `hot` holds the memories of the tiers."""
    tiers = dict(sorted(core.tiers.items()))
    record = replace(
        core,
        archived=archived,
        tiers=tiers,
        columns=_columns([hot[memory_id] for tier in tiers.values() for memory_id in tier]),
        pieces=_pieces(controls, core.pieces.next_id),
    )
    return Image(record, hot, {each.piece.id: each.piece for each in controls})


def builtins(value: Any) -> Any:
    """Convert structs to dicts, bytes to base64."""
    return msgspec.to_builtins(value, str_keys=True)


def _read_drift(part: Any) -> drift.PackedDrift:
    names = drift.PackedDrift.__struct_fields__
    given = _object(part, "core.drift")
    if given.keys() != set(names):
        raise Malformed(f"state_dict.core.drift needs {', '.join(names)}, and nothing else")
    return _read([given[name] for name in names], drift.PackedDrift, "core.drift")


def _object(part: Any, where: str) -> ExportPart:
    if not isinstance(part, dict):
        raise Malformed(f"state_dict.{where} is no object")
    return part


def _read(part: Any, kind: type[R], where: str) -> R:
    """Convert the part to a `kind`. Raises Malformed if it does not fit or has unknown members."""
    try:
        value = msgspec.convert(part, kind, str_keys=True)
    except msgspec.ValidationError as error:
        raise Malformed(f"state_dict.{where}: {error}") from None
    for path in _strangers(part, builtins(value)):
        raise Malformed(
            f"state_dict.{where}{path} is not known to this release: import the session into a "
            "server of the release that exported it"
        )
    return value


def _strangers(given: Any, known: Any) -> Iterator[str]:
    """Yield the paths of members that `given` has and `known` lacks."""
    if isinstance(given, dict):
        for name, value in given.items():
            if name in known:
                yield from (f".{name}{path}" for path in _strangers(value, known[name]))
            else:
                yield f".{name}"
    elif isinstance(given, list):
        for place, (value, like) in enumerate(zip(given, known, strict=True)):
            yield from (f"[{place}]{path}" for path in _strangers(value, like))


def _columns(records: Sequence[MemoryRecord]) -> Columns:
    return Columns(
        ids=np.array([each.id for each in records], np.int64).tobytes(),
        last_access=np.array([each.last_access for each in records], np.float64).tobytes(),
        accesses=np.array([each.access_count for each in records], np.int64).tobytes(),
        importance=np.array([each.importance for each in records], np.float64).tobytes(),
        nearest=np.array([each.nearest for each in records], np.float64).tobytes(),
        standing=np.array([each.standing for each in records], np.int8).tobytes(),
    )


def _pieces(controls: Sequence[CountedComponent], next_id: int) -> Pieces:
    def ids(kind: type[Component]) -> bytes:
        of_kind = [each.piece.id for each in controls if isinstance(each.piece, kind)]
        return np.array(of_kind, np.int64).tobytes()

    uses = [each.uses for each in controls if isinstance(each.piece, Entity)]
    return Pieces(
        next_id=next_id,
        triggers=ids(Trigger),
        anchors=ids(Anchor),
        isolation=ids(Isolation),
        held=ids(QuarantinedItem),
        entities=ids(Entity),
        uses=np.array(uses, np.int64).tobytes(),
    )
