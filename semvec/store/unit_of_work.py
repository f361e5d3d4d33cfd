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

from semvec.errors import ChangeOutcome, Unavailable
from semvec.store.audit import AuditEntry
from semvec.store.records import (
    Append,
    Conflicted,
    Create,
    CreatedHeads,
    Delete,
    GuardedChange,
    Head,
    Operation,
    Replace,
    Transaction,
    UniqueRow,
)

Writable = Create | Append | Replace | Delete | Transaction
"""What a request can put into storage."""

EndCallback = Callable[[CreatedHeads | None], Awaitable[None]]

SESSION_LIKE_KINDS = ("session", "cluster", "region")
"""Kinds of what is a session, or has one of its own id behind it."""


@dataclass(frozen=True, slots=True)
class AuditInfo:
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

    def audit_entry(self, made: str | None) -> AuditEntry:
        which = made if self.id is None else self.id
        return AuditEntry(
            at=self.at,
            subject=self.subject,
            action=self.action,
            resource=f"{self.kind}/{which}" if which else self.kind,
            status=self.status,
            request_id=self.request_id,
            client_ip=self.client_ip,
        )


class WriteContext:
    """A request's; `recorded` is the row that a write of it has taken along, `doubtful` whether
    something of it is written, or may be."""

    __slots__ = ("doubtful", "receipt", "recorded")

    def __init__(self, receipt: AuditInfo) -> None:
        self.receipt = receipt
        self.recorded: AuditEntry | None = None
        self.doubtful = False

    def outcome(self, error: Unavailable) -> ChangeOutcome:
        """What is known of all that the request asked for, once this has ended it."""
        if self.doubtful or self.recorded is not None:
            return "unknown"
        return error.outcome or "not_written"

    def entries(self, *parts: Writable | Operation) -> tuple[AuditEntry, ...]:
        """What the write of these has to take along."""
        if self.recorded is not None:
            return ()
        made = None if self.receipt.id is not None else _created_id(parts)
        return (self.receipt.audit_entry(made),)


class UnitOfWork(WriteContext):
    """The effect of a request with a key: `parts`, which take effect together or not at all.

    A session that it creates has a key for the time being, -1 for the first and so on. `refused` is
    the part that made an earlier attempt come to nothing; where it comes again, whoever brings it
    hears of that at once. `holds` says whether anybody else may be waiting for what it has.
    """

    __slots__ = ("_afterwards", "_at_end", "_created", "holds_locks", "parts", "refused")

    def __init__(self, receipt: AuditInfo, refused: Operation | None = None) -> None:
        super().__init__(receipt)
        self.parts: list[Operation] = []
        self.refused = refused
        self.holds_locks = False
        self._created = 0
        self._at_end: list[EndCallback] = []
        self._afterwards: list[EndCallback] = []

    @property
    def session_id(self) -> str | None:
        """The session that the request names or stands before, else the one that it makes."""
        named = self.receipt.id if self.receipt.kind in SESSION_LIKE_KINDS else None
        return named or _created_id(self.parts)

    @overload
    def defer(self, put: Create) -> Head | None: ...
    @overload
    def defer(self, put: Transaction) -> CreatedHeads | Conflicted: ...
    @overload
    def defer(self, put: Append | Replace | Delete) -> bool: ...
    def defer(self, put: Writable) -> Head | CreatedHeads | Conflicted | bool | None:
        """What is answered to a write that has still to be made; as far as anybody knows, it will
        take effect."""
        parts = put.parts if isinstance(put, Transaction) else (put,)
        if (refused := self._refused(parts)) is not None:
            return None if isinstance(put, Create) else Conflicted(refused)
        made = tuple(self._head(part) for part in parts if isinstance(part, Create))
        self.parts += parts
        if isinstance(put, Transaction):
            return made
        return made[0] if isinstance(put, Create) else True

    def on_end(self, act: EndCallback) -> None:
        """Have something let go of when the unit has ended: with the heads of the sessions made, in
        order, or None where it has come to nothing."""
        self._at_end.append(act)

    def after_end(self, act: EndCallback) -> None:
        """Have something done behind all that: it may take locks that the unit has had."""
        self._afterwards.append(act)

    async def end(self, made: CreatedHeads | None) -> None:
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

    def _refused(self, parts: tuple[Operation, ...]) -> Operation | None:
        for part in parts:
            if self.refused is not None and _is_same_part(part, self.refused):
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


WRITE_CONTEXT: ContextVar[WriteContext | None] = ContextVar("effect", default=None)


def current_unit_of_work() -> UnitOfWork | None:
    effect = WRITE_CONTEXT.get()
    return effect if isinstance(effect, UnitOfWork) else None


@contextmanager
def write_context(effect: WriteContext) -> Iterator[None]:
    """Whatever is written within is this request's doing."""
    token = WRITE_CONTEXT.set(effect)
    try:
        yield
    finally:
        WRITE_CONTEXT.reset(token)


def _is_same_part(part: Operation, refused: Operation) -> bool:
    match refused:
        case Create() | UniqueRow():
            return isinstance(part, Create | UniqueRow) and part.name == refused.name
        case GuardedChange():
            return part == refused
    return False


def _created_id(parts: object) -> str | None:
    """The id of the first session that is created."""
    for part in parts if isinstance(parts, tuple | list) else ():
        if isinstance(part, Transaction):
            return _created_id(part.parts)
        if isinstance(part, Create):
            return part.session_id
    return None
