"""What no session can be is told, however well the rest of it is in order."""

from collections.abc import Callable

import msgspec
import pytest
from msgspec.structs import replace

from semvec.session import drift
from semvec.session.events import (
    Component,
    Entity,
    EntityKind,
    MemoryTier,
    QuarantinedItem,
    Trigger,
)
from semvec.session.snapshot import SnapshotRecord
from semvec.session.transfer import Image, image_of
from semvec.session.verify import MOST_COUNTED, invariants
from semvec.vectors import packed
from tests.session.conversations import new_session, play, said, unit

HELD = QuarantinedItem(1, "asked", None, packed(unit(1)))
ENTITY = Entity(1, "key", EntityKind.PATH, "value", "context", 1.0)


def image() -> Image:
    session = new_session()
    for number in range(3):
        play(session, message=said(f"what is {number}"), response=said(f"it is {number}"))
    return image_of(session)


def faults(image: Image) -> str:
    return "; ".join(check.detail for check in invariants(image) if not check.ok)


def with_piece(piece: Component) -> Image:
    whole = image()
    pieces = replace(whole.record.pieces, next_id=2)
    if isinstance(piece, Entity):
        pieces = replace(pieces, entities=b"\1" + bytes(7), uses=bytes(8))
    return Image(replace(whole.record, pieces=pieces), whole.memories, {1: piece})


PIECES: dict[str, tuple[Component, str]] = {
    "held for the archive": (replace(HELD, tier=MemoryTier.ARCHIVE), "not the archive"),
    "held without text": (replace(HELD, question=None), "has no text"),
    "held with a NUL": (replace(HELD, question="a\0"), "control 1.question has a NUL"),
    "a pair without its question's vector": (replace(HELD, response="told"), "what pairs have"),
    "found below 0": (replace(HELD, access_count=-1), "control 1.access_count is -1"),
    "held at no time": (replace(HELD, at=1e300), "control 1.at is 1e+300"),
    "a key with a NUL": (replace(ENTITY, key="\0"), "control 1.key has a NUL"),
    "a trigger without a word": (Trigger(1, "!!!", None, 0.5), "nothing can fire"),
    "a trigger without anything": (Trigger(1, None, None, 0.5), "nothing can fire"),
}


@pytest.mark.parametrize(("piece", "reason"), PIECES.values(), ids=PIECES)
def test_controls_that_cannot_be_are_told(piece: Component, reason: str) -> None:
    assert reason in faults(with_piece(piece))


@pytest.mark.parametrize("piece", [HELD, ENTITY, Trigger(1, "two words", None, 0.5)])
def test_controls_as_they_are_set_are_in_order(piece: Component) -> None:
    assert faults(with_piece(piece)) == ""


def state(**fields: int) -> Callable[[SnapshotRecord], SnapshotRecord]:
    return lambda record: replace(record, state=replace(record.state, **fields))


def drifting(**fields: float | bytes) -> Callable[[SnapshotRecord], SnapshotRecord]:
    def changed(record: SnapshotRecord) -> SnapshotRecord:
        found = msgspec.msgpack.decode(record.drift, type=drift.PackedDrift)
        rows = fields.get("rows", found.rows)
        levels = {name: value for name, value in fields.items() if name != "rows"}
        found = replace(found, rows=rows, levels=replace(found.levels, **levels))
        return replace(record, drift=msgspec.msgpack.encode(found))

    return changed


RECORDS: dict[str, tuple[Callable[[SnapshotRecord], SnapshotRecord], str]] = {
    "a prior that divides by 0": (state(prior_weight=-4), "core.state.prior_weight is -4"),
    "a prior of more than one": (state(prior_weight=2), "prior weighs 0 or 1"),
    "a count that cannot go on": (state(interaction_count=2**53 - 1), "it counts from 0 to"),
    "an id that cannot go on": (lambda r: replace(r, next_id=MOST_COUNTED + 1), "core.next_id"),
    "a level past squaring": (drifting(similarity=1e308), "which is too large"),
    "a weight below 0": (drifting(weight=-1.0), "its weight is below 0"),
    "rows past adding": (drifting(rows=packed(unit(1) * 1e30) * 5), "larger than sums of inputs"),
}


@pytest.mark.parametrize(("change", "reason"), RECORDS.values(), ids=RECORDS)
def test_numbers_that_no_update_could_go_on_from_are_told(
    change: Callable[[SnapshotRecord], SnapshotRecord], reason: str
) -> None:
    whole = image()
    assert faults(whole) == ""
    assert reason in faults(Image(change(whole.record), whole.memories, whole.pieces))
