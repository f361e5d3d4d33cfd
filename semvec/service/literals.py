"""The literal cache: values are returned byte for byte."""

from semvec import answers
from semvec.cache import SessionCache
from semvec.errors import Malformed, NotFound
from semvec.paging import Excerpt, cursor_of, position_of
from semvec.session.edits import MOST_ENTITIES, plan_entity, plan_no_entity
from semvec.session.events import EntityKind
from semvec.session.literals import LiteralEntry
from semvec.session.plan import Plan
from semvec.session.session import Session


class LiteralCache:
    def __init__(self, hot: SessionCache) -> None:
        self._hot = hot

    async def put(
        self,
        owner: str,
        session_id: str,
        *,
        key: str,
        kind: str,
        value: str,
        context: str,
        importance: float,
    ) -> answers.EntityStored:
        """Store an entity under its key. Raises Malformed for an unknown kind."""
        chosen = kind_named(kind)
        hot = await self._hot.get((owner, session_id))
        changed = await self._hot.change(
            hot, lambda session: plan_entity(session, key, chosen, value, context, importance)
        )
        return answers.EntityStored(session_id, key, len(changed.hot.session.literals))

    async def find(
        self, owner: str, session_id: str, *, q: str, max_results: int, cursor: str | None = None
    ) -> Excerpt[answers.Entities]:
        """List entities, or search them by words. Only a search counts as use. A cursor is the
        number of entities before the page, in the order at the time of the request."""
        start = position_of(cursor) if cursor is not None else 0
        hot = await self._hot.get((owner, session_id))
        end = min(start + max_results, MOST_ENTITIES)
        entries, total = await self._hot.entities(hot, q, end)
        entries = entries[start:]
        items = [_item(entry, hot.pending_entity_uses[entry.entity.id]) for entry in entries]
        for entry in entries if q else ():
            hot.record_entity_use(entry.entity.id)
        following = cursor_of(end) if end < total else None
        return Excerpt(answers.Entities(session_id, items, total), following, total)

    async def remove(self, owner: str, session_id: str, key: str) -> answers.EntityRemoved:
        """Remove an entity. Raises NotFound for an unknown key."""

        def plan(session: Session) -> Plan:
            if session.literals.get(key) is None:
                raise NotFound("the session has no entity with this key")
            return plan_no_entity(session, key)

        await self._hot.change(await self._hot.get((owner, session_id)), plan)
        return answers.EntityRemoved(session_id, key, removed=True)


def kind_named(name: str) -> EntityKind:
    try:
        return EntityKind(name)
    except ValueError:
        raise Malformed(f"kind is {name!r}, it can be {', '.join(EntityKind)}") from None


def _item(entry: LiteralEntry, lately: int) -> answers.EntityItem:
    """Build the answer. `lately` is the number of uses not yet recorded by an event."""
    entity = entry.entity
    return answers.EntityItem(
        key=entity.key,
        kind=entity.kind.value,
        value=entity.value,
        context=entity.context,
        importance=entity.importance,
        access_count=entry.uses + lately,
    )
