"""The literal cache: what is stored is given back to the byte."""

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
        """Raises Malformed for a kind that is none."""
        chosen = kind_named(kind)
        hot = await self._hot.get((owner, session_id))
        changed = await self._hot.change(
            hot, lambda session: plan_entity(session, key, chosen, value, context, importance)
        )
        return answers.EntityStored(session_id, key, len(changed.hot.session.literals))

    async def find(
        self, owner: str, session_id: str, *, q: str, max_results: int, cursor: str | None = None
    ) -> Excerpt[answers.Entities]:
        """What is found by words counts as used; a plain list does not. A cursor is the number of
        entities before the page, as they stand when it is asked for."""
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
        """Raises NotFound for a key that is not there."""

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
    """`lately` are its uses that no event has recorded yet."""
    entity = entry.entity
    return answers.EntityItem(
        key=entity.key,
        kind=entity.kind.value,
        value=entity.value,
        context=entity.context,
        importance=entity.importance,
        access_count=entry.uses + lately,
    )
