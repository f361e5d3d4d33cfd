"""All that a request with a key changes, committed at once and together with its answer.

The answer tells of what has been changed, so the changes are made before they are committed: on
the hot copies themselves, whose locks are held until then. Nobody else may look at such a copy
(`Hot.session` refuses), and where the commit fails it is dropped.
"""

from collections.abc import Awaitable, Callable
from contextlib import suppress

from semvec.clock import Clock
from semvec.errors import SemvecError
from semvec.hot.copy import Hot, Name
from semvec.hot.effect import Effect, Receipt
from semvec.persistence import append_of, create_of
from semvec.session.events import Consolidated, Created, Turn, encode_event
from semvec.session.session import Session
from semvec.store import Part, Refused, Repeat, Replace, Store


class Outdated(Exception):
    """Another process was faster: the request has to be carried out anew."""


class Repeated(Exception):
    """Another process has answered this very request."""


class Made:
    """A session that nobody else knows of yet, and its events."""

    __slots__ = ("events", "hot")

    def __init__(self, hot: Hot, created: bytes) -> None:
        self.hot = hot
        self.events = [created]


class Unit(Effect):
    """The effect of one request with a key."""

    __slots__ = ("committed", "held", "made", "parts", "superseded")

    def __init__(self, receipt: Receipt) -> None:
        super().__init__(receipt)
        self.parts: list[Part] = []
        self.held: list[Hot] = []
        self.committed = False
        self.made: dict[Name, Made] = {}
        self.superseded: list[tuple[Name, Replace]] = []

    @property
    def about(self) -> str | None:
        """The session that the request is about, else what it names itself."""
        names = [*self.made, *(hot.name for hot in self.held)]
        return names[0][1] if names else self.receipt.id

    def make(self, name: Name, created: Created) -> None:
        hot = Hot(name, 0, Session(created), created.at)
        hot.unit = self
        self.made[name] = Made(hot, encode_event(created))

    def replace(self, name: Name, replace: Replace) -> None:
        """What is imported appears with the commit."""
        self.parts.append(replace)
        self.superseded.append((name, replace))

    async def hold(self, hot: Hot) -> bool:
        """Have the copy to oneself up to the end; False where it has been dropped."""
        if hot.unit is self or hot in self.held:
            return True
        await hot.lock.acquire()
        if not hot.live:
            hot.lock.release()
            return False
        self.held.append(hot)
        return True

    def apply(self, hot: Hot, event: Turn | Consolidated) -> None:
        """Make `event` the next one of a copy that this unit has to itself."""
        append = append_of(hot.key, hot.session, event)
        hot.unit = self
        hot.session.apply(event)
        hot.settle(event)
        if (made := self.made.get(hot.name)) is not None:
            made.events += append.events
        else:
            self.parts.append(append)


class Units:
    """Carries units to their ends. `forget` drops the hot copies of a session that was replaced,
    `keep` takes in a session that was made, `advanced` looks after a copy that has changed."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        *,
        drop: Callable[[Hot], None],
        forget: Callable[[Name, int], Awaitable[None]],
        keep: Callable[[Hot], Hot],
        advanced: Callable[[Hot], None],
    ) -> None:
        self._store, self._clock = store, clock
        self._drop, self._forget, self._keep, self._advanced = drop, forget, keep, advanced

    async def make(self, unit: Unit, name: Name, created: Created) -> bool:
        """Whether this owner has no session of this name yet, and so gets one."""
        if name in unit.made or await self._store.head(*name) is not None:
            return False
        unit.make(name, created)
        return True

    async def commit(self, unit: Unit, answer: Repeat) -> None:
        """Commit the unit's parts and its answer; raises Outdated, Repeated, Unavailable, and has
        then changed nothing that anybody may see."""
        made = [*unit.made.values()]
        creates = [create_of(each.hot.name, each.hot.session, each.events) for each in made]
        parts = *creates, *unit.parts
        entry = unit.entry(self._clock(), unit.about or "") if parts else None
        written = await self._store.together(*parts, answer, entry=entry)
        if isinstance(written, Refused):
            raise Repeated if written.part is answer else Outdated
        unit.committed = True
        for each, head in zip(made, written, strict=True):
            each.hot.key, each.hot.unit = head.key, None
            self._keep(each.hot)
        for hot in unit.held:
            hot.unit = None
            self._advanced(hot)

    async def end(self, unit: Unit) -> None:
        """Give back what the unit has; what it has not committed is lost with its copies."""
        for hot in unit.held:
            if hot.unit is unit:
                self._drop(hot)
            hot.lock.release()
        for name, replace in unit.superseded:
            await self._forget(name, replace.key)
            if not unit.committed:
                with suppress(SemvecError):  # the sweep tries again
                    await self._store.discard(replace.content)
