"""What one request does to storage, and the row that goes on record with it.

A request that may change something runs inside an `Effect`, which the store finds by itself: the
first of the request's writes that takes effect has its receipt with it. That of a request with a
key is a `Unit`: its writes are put off, and committed all at once together with its answer.
Whatever works for no request in particular runs in a context without one.
"""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import overload

from semvec.errors import Outcome, Unavailable
from semvec.store.audit import Entry
from semvec.store.records import (
    Append,
    Change,
    Claim,
    Create,
    Delete,
    Head,
    Made,
    Part,
    Refused,
    Replace,
    Together,
)

Put = Create | Append | Replace | Delete | Together
"""What a request can put into storage."""

Act = Callable[[Made | None], Awaitable[None]]

SESSIONS = ("session", "cluster", "region")
"""Kinds of what is a session, or has one of its own id behind it."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """Who asks for what. The `id` says which one of its `kind`: empty where there is but one, None
    for the one that the request comes to make."""

    at: float
    subject: str
    action: str
    kind: str
    id: str | None
    status: int
    request_id: str
    client_ip: str | None

    def entry(self, made: str | None) -> Entry:
        which = made if self.id is None else self.id
        return Entry(
            at=self.at,
            subject=self.subject,
            action=self.action,
            resource=f"{self.kind}/{which}" if which else self.kind,
            status=self.status,
            request_id=self.request_id,
            client_ip=self.client_ip,
        )


class Effect:
    """A request's; `recorded` is the row that a write of it has taken along, `doubtful` whether
    something of it is written, or may be."""

    __slots__ = ("doubtful", "receipt", "recorded")

    def __init__(self, receipt: Receipt) -> None:
        self.receipt = receipt
        self.recorded: Entry | None = None
        self.doubtful = False

    def outcome(self, error: Unavailable) -> Outcome:
        """What is known of all that the request asked for, once this has ended it."""
        if self.doubtful or self.recorded is not None:
            return "unknown"
        return error.outcome or "not_written"

    def entries(self, *parts: Put | Part) -> tuple[Entry, ...]:
        """What the write of these has to take along."""
        if self.recorded is not None:
            return ()
        made = None if self.receipt.id is not None else _made(parts)
        return (self.receipt.entry(made),)


class Unit(Effect):
    """The effect of a request with a key: `parts`, which take effect together or not at all.

    A session that it creates has a key for the time being, -1 for the first and so on. `refused` is
    the part that made an earlier attempt come to nothing; where it comes again, whoever brings it
    hears of that at once. `holds` says whether anybody else may be waiting for what it has.
    """

    __slots__ = ("_afterwards", "_at_end", "_created", "holds", "parts", "refused")

    def __init__(self, receipt: Receipt, refused: Part | None = None) -> None:
        super().__init__(receipt)
        self.parts: list[Part] = []
        self.refused = refused
        self.holds = False
        self._created = 0
        self._at_end: list[Act] = []
        self._afterwards: list[Act] = []

    @property
    def about(self) -> str | None:
        """The session that the request names or stands before, else the one that it makes."""
        named = self.receipt.id if self.receipt.kind in SESSIONS else None
        return named or _made(self.parts)

    @overload
    def put_off(self, put: Create) -> Head | None: ...
    @overload
    def put_off(self, put: Together) -> Made | Refused: ...
    @overload
    def put_off(self, put: Append | Replace | Delete) -> bool: ...
    def put_off(self, put: Put) -> Head | Made | Refused | bool | None:
        """What is answered to a write that has still to be made; as far as anybody knows, it will
        take effect."""
        parts = put.parts if isinstance(put, Together) else (put,)
        if (refused := self._refused(parts)) is not None:
            return None if isinstance(put, Create) else Refused(refused)
        made = tuple(self._head(part) for part in parts if isinstance(part, Create))
        self.parts += parts
        if isinstance(put, Together):
            return made
        return made[0] if isinstance(put, Create) else True

    def at_end(self, act: Act) -> None:
        """Have something let go of when the unit has ended: with the heads of the sessions made, in
        order, or None where it has come to nothing."""
        self._at_end.append(act)

    def afterwards(self, act: Act) -> None:
        """Have something done behind all that: it may take locks that the unit has had."""
        self._afterwards.append(act)

    async def end(self, made: Made | None) -> None:
        """Do it all, whatever becomes of one of the acts; raises the first error."""
        acts = (*self._at_end, *self._afterwards)
        self._at_end, self._afterwards = [], []
        errors = []
        for act in acts:
            try:
                await act(made)
            except BaseException as error:  # also a cancellation leaves no lock behind
                errors.append(error)
        if errors:
            raise errors[0]

    def _refused(self, parts: tuple[Part, ...]) -> Part | None:
        for part in parts:
            if self.refused is not None and _alike(part, self.refused):
                self.refused = None
                return part
        return None

    def _head(self, create: Create) -> Head:
        self._created += 1
        at = create.created_at
        names = create.owner, create.session_id
        return Head(
            -self._created, *names, 1, at, at, 0, 0, create.kind, create.dimension, create.line
        )


EFFECT: ContextVar[Effect | None] = ContextVar("effect", default=None)


def unit_at_work() -> Unit | None:
    effect = EFFECT.get()
    return effect if isinstance(effect, Unit) else None


@contextmanager
def doing(effect: Effect) -> Iterator[None]:
    """Whatever is written within is this request's doing."""
    token = EFFECT.set(effect)
    try:
        yield
    finally:
        EFFECT.reset(token)


def _alike(part: Part, refused: Part) -> bool:
    match refused:
        case Create() | Claim():
            return isinstance(part, Create | Claim) and part.name == refused.name
        case Change():
            return part == refused
    return False


def _made(parts: object) -> str | None:
    """The id of the first session that is created."""
    for part in parts if isinstance(parts, tuple | list) else ():
        if isinstance(part, Together):
            return _made(part.parts)
        if isinstance(part, Create):
            return part.session_id
    return None
