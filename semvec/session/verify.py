"""Checks of a session's invariants, and whether a copy of it recalls the same."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from types import MappingProxyType
from typing import Any

import msgspec
import numpy as np

from semvec.canonical import canonical
from semvec.session import drift
from semvec.session.edits import (
    MOST_ANCHORS,
    MOST_ENTITIES,
    MOST_ENTITY_BYTES,
    MOST_TRIGGERS,
)
from semvec.session.events import (
    Anchor,
    Component,
    Entity,
    Isolation,
    MemoryRecord,
    MemoryTier,
    Profile,
    QuarantinedItem,
    Trigger,
)
from semvec.session.isolation_filter import MAX_QUARANTINED, MAX_QUARANTINED_BYTES
from semvec.session.lexical_cues import HEARD
from semvec.session.literals import text_size
from semvec.session.query import EncodedQuery
from semvec.session.rows import MAX_TOKENS_PER_MEMORY
from semvec.session.search import Search
from semvec.session.session import Session
from semvec.session.snapshot import SnapshotRecord
from semvec.session.state import HISTORY
from semvec.session.text_normalise import (
    DIGEST_BYTES,
    FORMER_BYTES,
    content_hash,
    normalised_digest,
)
from semvec.session.tiers import MEDIUM_TERM, SHORT_TERM
from semvec.session.transfer import Image, control_parts, core_part
from semvec.vectors import Vector, unpacked
from semvec.words import words

RECALLED = 20
"""Memories that are compared for each probe."""
VERIFY_ROUNDING = 1e-5
"""Tolerance of a memory's relevance between two copies, whose rows are in different orders."""
UNIT = 1e-3
"""Tolerance of the length of a unit vector."""
MAX_LISTED_FAULTS = 1024
MOST_COUNTED = 2**52
"""Half of the largest integer that JSON keeps, so that counting can continue."""
LARGEST_INTEGER = 1e12
"""Bound for numbers, so that their squares stay finite; times are seconds."""
LONGEST_ROW = 1e3
"""Bound for the length of a drift detector's row, far beyond sums of fading unit vectors."""
MAX_FAULTS: Mapping[type[Component], int] = MappingProxyType(
    {
        Trigger: MOST_TRIGGERS,
        Anchor: MOST_ANCHORS,
        Isolation: 1,
        QuarantinedItem: MAX_QUARANTINED,
        Entity: MOST_ENTITIES,
    }
)
"""Components of each kind that a session may have; policy vectors count as anchors."""

Faults = Iterator[str]
Recalled = list[tuple[int, float]]


@dataclass(frozen=True, slots=True)
class Check:
    """The result of one check."""

    name: str
    """What was checked."""
    ok: bool
    """Whether the check passed."""
    detail: str
    """What is wrong, or a summary of what was checked."""


def checked(name: str, faults: Sequence[str], otherwise: str) -> Check:
    return Check(name, not faults, "; ".join(faults[:3]) if faults else otherwise)


def invariants(image: Image) -> Iterator[Check]:
    for name, faults in FAULTS.items():
        yield checked(name, list(faults(image)), "as it has to be")


def recalled(session: Session, probes: Sequence[Vector]) -> list[Recalled]:
    """Return ids and relevance of the cached memories that each unit vector, shape (d,),
    recalls."""
    found = []
    for probe in probes:
        cosines = session.memories.cosines(probe[None]).reshape(-1)
        best = Search(session, EncodedQuery(None, probe), cosines, session.used_at).best(RECALLED)
        found.append([(each.memory.id, each.relevance) for each in best])
    return found


def alike(one: Recalled, other: Recalled) -> bool:
    """Whether both have the same memories in the same order, except for ties."""
    return len(one) == len(other) and all(
        (one_id == other_id or abs(relevance - alike) <= VERIFY_ROUNDING)
        for (one_id, relevance), (other_id, alike) in zip(one, other, strict=True)
    )


def memory_faults(record: MemoryRecord, session: SnapshotRecord) -> Faults:
    """Yield the faults of a memory of this session, cached or archived."""
    where, profile = f"memory {record.id}", session.profile
    if not 1 <= record.id < session.next_id:
        yield f"{where}: ids begin at 1, and the next one is {session.next_id}"
    if not record.text or "\0" in record.text:
        yield f"{where} has no text, or a NUL in it"
    if record.hash != content_hash(record.text):
        yield f"{where}: its hash is not that of its text"
    if len(record.fold) not in (DIGEST_BYTES, FORMER_BYTES):
        yield f"{where}: its fold has {len(record.fold)} bytes instead of {DIGEST_BYTES}"
    elif len(record.fold) == DIGEST_BYTES and record.fold != normalised_digest(record.text):
        yield f"{where}: its fold is not that of its text"
    if bool(record.question and record.response) != (record.question_vector is not None):
        yield f"{where}: a question's vector is what pairs have, and they alone"
    for codes in (record.vector, record.question_vector or record.vector):
        yield from code_faults(codes, profile.dimension, 1, where)
    yield from token_faults(record.tokens, profile, where)
    times = record.created, record.last_access
    if not (np.abs(times) <= LARGEST_INTEGER).all() or not 0 <= record.access_count <= MOST_COUNTED:
        yield f"{where}: its times or its accesses cannot be"
    if not (0.0 <= record.importance <= 1.0 and abs(record.nearest) <= 1.0 + UNIT):
        yield f"{where}: importance or nearest is out of range"


def code_faults(codes: bytes, dimension: int, rows: int, where: str) -> Faults:
    """Yield a fault unless these bytes are `rows` rows of int8 codes."""
    if len(codes) != rows * dimension:
        yield f"{where}: {len(codes)} bytes are not {rows} x {dimension} int8 codes"
    elif b"\x80" in codes:
        yield f"{where}: int8 codes begin at -127"


def token_faults(tokens: bytes | None, profile: Profile, where: str) -> Faults:
    length = profile.token_dimension
    if tokens is not None and (not length or not tokens or len(tokens) % length):
        yield f"{where}: {len(tokens)} bytes are no token vectors of {length} int8 codes"
    elif tokens is not None and len(tokens) > MAX_TOKENS_PER_MEMORY * length:
        yield f"{where}: it has more than {MAX_TOKENS_PER_MEMORY} token vectors"
    elif tokens is not None:
        yield from code_faults(tokens, length, len(tokens) // length, where)


def vector_faults(packed: bytes, dimension: int, where: str, *, many: bool = False) -> Faults:
    """Yield a fault unless these bytes are one float32 unit vector, or any number of them with
    `many`. Zero vectors pass."""
    if len(packed) % (4 * dimension) or not (many or len(packed) == 4 * dimension):
        yield f"{where}: {len(packed)} bytes are no vector of {dimension} float32 numbers"
        return
    rows = unpacked(packed).reshape(-1, dimension).astype(np.float64)
    lengths = np.sqrt(np.einsum("nd,nd->n", rows, rows))
    if not ((np.abs(lengths - 1.0) <= UNIT) | (lengths == 0.0)).all():
        yield f"{where}: a vector is not of unit length"


def value_faults(value: Any, where: str) -> Faults:
    """Yield values that no part of a session may have, by their path."""
    match value:
        case dict():
            for name, held in value.items():
                yield from value_faults(held, f"{where}.{name}")
        case list():
            for place, held in enumerate(value):
                yield from value_faults(held, f"{where}[{place}]")
        case str() if "\0" in value:
            yield f"{where} has a NUL in it"
        case int() if not 0 <= value <= MOST_COUNTED:
            yield f"{where} is {value}, it counts from 0 to {MOST_COUNTED}"
        case float() if not abs(value) <= LARGEST_INTEGER:
            yield f"{where} is {value}, which is too large"


def _profile(image: Image) -> Faults:
    profile = image.record.profile
    if profile.dimension < 1 or profile.long_term < 1 or profile.token_dimension < 0:
        yield "the profile: dimension and long_term begin at 1, token_dimension at 0"
        return
    if profile.template is not None:
        yield from vector_faults(profile.template, profile.dimension, "the template")
    for policy in profile.policies:
        yield from vector_faults(policy.vector, profile.dimension, "a policy vector")


def _state(image: Image) -> Faults:
    record, dimension = image.record, image.record.profile.dimension
    try:
        canonical(core_part(image))
    except ValueError as error:
        yield str(error)
    yield from value_faults(core_part(image), "core")
    if record.state.prior_weight > 1:
        yield "the state's prior weighs 0 or 1"
    if len(record.state.mean) != 8 * dimension:
        yield f"the state's mean is no vector of {dimension} float64 numbers"
    elif not np.linalg.norm(np.frombuffer(record.state.mean, "<f8")) <= 1.0 + UNIT:
        yield "the state's mean is longer than 1"
    if max(len(record.state.updates), len(record.state.switches)) > HISTORY:
        yield f"a history has more than {HISTORY} entries"
    if record.state.interaction_count < 0 or record.state.boost_remaining < 0:
        yield "a count of the state is below 0"
    if record.pending is not None:
        where = "the pending question"
        yield from vector_faults(record.pending.vector, dimension, where)
        yield from token_faults(record.pending.tokens, record.profile, where)


def _drift(image: Image) -> Faults:
    found = msgspec.msgpack.decode(image.record.drift, type=drift.PackedDrift)
    if len(found.rows) != 5 * 4 * image.record.profile.dimension:
        yield f"its rows are not 5 vectors of {image.record.profile.dimension} float32 numbers"
    elif not (np.abs(unpacked(found.rows)) <= LONGEST_ROW).all():
        yield "its rows hold a number that is not finite, or larger than sums of inputs are"
    if found.levels.weight < 0.0:
        yield "its weight is below 0"
    if len(found.heard) % 4 or len(found.heard) > 4 * HEARD:
        yield f"{len(found.heard)} bytes are not up to {HEARD} stems of 4 bytes"


def _memories(image: Image) -> Faults:
    for record in image.memories.values():
        yield from memory_faults(record, image.record)


def _tiers(image: Image) -> Faults:
    record = image.record
    room = {
        MemoryTier.SHORT_TERM: SHORT_TERM,
        MemoryTier.MEDIUM_TERM: MEDIUM_TERM,
        MemoryTier.LONG_TERM: record.profile.long_term,
    }
    if record.tiers.keys() != set(map(int, room)):
        yield f"tiers are {', '.join(map(str, room))}, not {', '.join(map(str, record.tiers))}"
        return
    for tier, most in room.items():
        if len(record.tiers[tier]) > most:
            yield f"tier {int(tier)} holds {len(record.tiers[tier])} memories, its room is {most}"
    held = [memory_id for tier in record.tiers.values() for memory_id in tier]
    if len(set(held)) < len(held):
        yield "a memory is in a tier twice"
    if set(held) != image.memories.keys():
        strays = sorted(set(held) ^ image.memories.keys())[:3]
        yield f"memories {strays} are in the tiers or in the list, and have to be in both"


def _controls(image: Image) -> Faults:
    dimension = image.record.profile.dimension
    for piece in image.pieces.values():
        where = f"control {piece.id}"
        if not 1 <= piece.id < image.record.pieces.next_id:
            yield f"{where}: ids begin at 1, and the next one is {image.record.pieces.next_id}"
        for vector, many in _vectors(piece):
            yield from vector_faults(vector, dimension, where, many=many)
        if isinstance(piece, QuarantinedItem):
            yield from _held(piece, image.record.profile, where)
        if isinstance(piece, Trigger) and piece.vector is None and not words(piece.keyword or ""):
            yield f"{where}: nothing can fire this trigger"
    for part in control_parts(image):
        yield from value_faults(part, f"control {part['id']}")
    keys = [piece.key for piece in image.pieces.values() if isinstance(piece, Entity)]
    if len(set(keys)) < len(keys):
        yield "an entity's key is there twice"
    pending = image.record.pending
    if pending and pending.held and not isinstance(image.pieces.get(pending.held), QuarantinedItem):
        yield f"the pending question is held as control {pending.held}, which is not there"


def _held(item: QuarantinedItem, profile: Profile, where: str) -> Faults:
    if not item.text:
        yield f"{where} has no text"
    if item.tier is MemoryTier.ARCHIVE:
        yield f"{where}: memories enter a tier, not the archive"
    if bool(item.question and item.response) != (item.question_vector is not None):
        yield f"{where}: a question's vector is what pairs have, and they alone"
    yield from token_faults(item.tokens, profile, where)


def _limits(image: Image) -> Faults:
    pieces = image.pieces.values()
    found = Counter(type(piece).__name__ for piece in pieces)
    found[Anchor.__name__] += len(image.record.profile.policies)
    for kind, most in MAX_FAULTS.items():
        if found[kind.__name__] > most:
            yield f"there are {found[kind.__name__]} {kind.__name__.lower()} controls, over {most}"
    if (
        sum(len(each.text.encode()) for each in pieces if isinstance(each, QuarantinedItem))
        > MAX_QUARANTINED_BYTES
    ):
        yield f"held items have more than {MAX_QUARANTINED_BYTES} bytes"
    if sum(text_size(each) for each in pieces if isinstance(each, Entity)) > MOST_ENTITY_BYTES:
        yield f"entities have more than {MOST_ENTITY_BYTES} bytes"
    lists = [(e.exclusions, e.allowed) for e in pieces if isinstance(e, Isolation)]
    for listed in chain(*lists):
        if len(listed) > MAX_LISTED_FAULTS * 4 * image.record.profile.dimension:
            yield f"isolation lists more than {MAX_LISTED_FAULTS} vectors"


def _vectors(piece: Component) -> Iterator[tuple[bytes, bool]]:
    """Yield the vectors of a component, and whether one value may hold several."""
    match piece:
        case Isolation():
            yield piece.exclusions, True
            yield piece.allowed, True
        case Trigger() | Anchor():
            if piece.vector is not None:
                yield piece.vector, False
        case QuarantinedItem():
            yield piece.vector, False
            if piece.question_vector is not None:
                yield piece.question_vector, False


FAULTS: Mapping[str, Callable[[Image], Faults]] = MappingProxyType(
    {
        "profile": _profile,
        "state": _state,
        "drift": _drift,
        "memories": _memories,
        "tiers": _tiers,
        "controls": _controls,
        "limits": _limits,
    }
)
"""The functions that find faults, by the name of the check."""
