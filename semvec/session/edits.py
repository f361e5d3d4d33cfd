"""Plans of control operations. Each raises Conflict beyond a limit of the session."""

from itertools import islice, takewhile

from semvec.errors import Conflict, Invalid
from semvec.session.events import (
    Anchor,
    Component,
    Entity,
    EntityKind,
    Isolation,
    IsolationLevel,
    MemoryTier,
    QuarantinedItem,
    Trigger,
)
from semvec.session.isolation_filter import check_room
from semvec.session.literals import text_size
from semvec.session.plan import Draft, Plan, held_draft, rows
from semvec.session.session import Session
from semvec.session.turn import EncodedText
from semvec.vectors import Vector, packed
from semvec.words import words

MOST_TRIGGERS = 256
MOST_ANCHORS = 256
"""Anchors and policy vectors together."""
MOST_ENTITIES = 10_000
MOST_ENTITY_BYTES = 64 << 20
"""Bytes of keys, values and contexts in a session's literal cache."""
RELEASED = 8
"""Held items that one event learns; the limit lets other requests run in between."""


def plan_trigger(
    session: Session, keyword: str | None, vector: Vector | None, threshold: float
) -> Plan:
    """Add a trigger. Raises Invalid if nothing can fire it."""
    keyword = keyword and keyword.strip()
    if not keyword and vector is None:
        raise Invalid.field("keyword", "a trigger needs a keyword or an embedding", "missing")
    if keyword and not words(keyword):
        raise Invalid.field("keyword", f"keyword {keyword!r} holds no word")
    if len(session.triggers) >= MOST_TRIGGERS:
        raise Conflict(f"the session has {MOST_TRIGGERS} triggers, the most there may be")
    data = None if vector is None else packed(vector)
    return _edit(session, Trigger(session.next_piece, keyword or None, data, threshold))


def plan_no_triggers(session: Session) -> Plan:
    return _edit(session, removed=tuple(each.id for each in session.triggers))


def plan_anchor(session: Session, vector: Vector) -> Plan:
    if len(session.anchors) >= MOST_ANCHORS:
        raise Conflict(
            f"the session has {MOST_ANCHORS} anchors and policy vectors, the most there may be"
        )
    return _edit(session, Anchor(session.next_piece, packed(vector)))


def plan_isolation(
    session: Session, level: IsolationLevel, exclusions: Vector, allowed: Vector, threshold: float
) -> Plan:
    """Replace the level and both lists; the lists have shape (n, d)."""
    last = session.guard.setting.id
    setting = Isolation(session.next_piece, level, packed(exclusions), packed(allowed), threshold)
    return _edit(session, setting, removed=(last,) if last else ())


def plan_injection(
    session: Session, said: EncodedText, tier: MemoryTier, importance: float, access_count: int
) -> Plan:
    """Learn a memory from outside without an update of the state, or withhold it."""
    item = QuarantinedItem(
        id=session.next_piece,
        question=None,
        response=said.text,
        vector=packed(said.vector),
        updates=False,
        tier=tier,
        importance=importance,
        access_count=access_count,
        tokens=said.packed_tokens,
    )
    if not session.guard.withholds(said.vector):
        return _edit(session, item, drafts=(held_draft(item),))
    level = session.guard.level
    if level is IsolationLevel.FILTER:
        return _edit(session, withheld_by=level)
    check_room(session, [item])
    return _edit(session, item, withheld_by=level)


def plan_release(session: Session, last: int) -> Plan:
    """Learn the next held items up to the id `last`, at most as many as long_term has room for."""
    items = islice(session.quarantine.items.values(), min(RELEASED, session.profile.long_term))
    drafts = tuple(map(held_draft, takewhile(lambda item: item.id <= last, items)))
    return _edit(session, drafts=drafts)


def plan_entity(
    session: Session, key: str, kind: EntityKind, value: str, context: str, importance: float
) -> Plan:
    """Store an entity under its key, replacing an older one."""
    literals, older = session.literals, session.literals.get(key)
    entity = Entity(session.next_piece, key, kind, value, context, importance)
    if older is None and len(literals) >= MOST_ENTITIES:
        raise Conflict(f"the literal cache has {MOST_ENTITIES} entities, the most there may be")
    size = literals.text_bytes + text_size(entity) - (text_size(older) if older else 0)
    if size > MOST_ENTITY_BYTES:
        raise Conflict(f"the literal cache would have {size} bytes, more than {MOST_ENTITY_BYTES}")
    return _edit(session, entity)


def plan_no_entity(session: Session, key: str) -> Plan:
    older = session.literals.get(key)
    return _edit(session, removed=() if older is None else (older.id,))


def _edit(
    session: Session,
    *added: Component,
    removed: tuple[int, ...] = (),
    drafts: tuple[Draft, ...] = (),
    withheld_by: IsolationLevel | None = None,
) -> Plan:
    vectors = [draft.x for draft in drafts]
    return Plan(
        queries=rows(vectors, session.profile.dimension),
        drafts=drafts,
        removed=removed,
        added=added,
        withheld_by=withheld_by,
    )
