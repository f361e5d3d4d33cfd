"""The writes of one request, and the audit row committed with them.

A request that may change something runs inside a `WriteContext`, which the store finds through a
context variable; its audit row commits with the first write that takes effect. A request with an
idempotency key runs in a `UnitOfWork`: its writes are deferred and committed in one transaction
with its answer. Background work runs in a context without a `WriteContext`.
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
"""The writes of a request."""

EndCallback = Callable[[CreatedHeads | None], Awaitable[None]]

SESSION_LIKE_KINDS = ("session", "cluster", "region")
"""Kinds of resources that are sessions, or have a session of the same id behind them."""


@dataclass(frozen=True, slots=True)
class AuditInfo:
    """The audit data of a request. `id` names the resource of this `kind`: empty if there is only
    one, None for the one that the request creates."""

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
    """The writes of a request. `recorded` is the audit row that one of them has committed;
    `doubtful` says whether a write has taken effect, or may have."""

    __slots__ = ("doubtful", "receipt", "recorded")

    def __init__(self, receipt: AuditInfo) -> None:
        self.receipt = receipt
        self.recorded: AuditEntry | None = None
        self.doubtful = False

    def outcome(self, error: Unavailable) -> ChangeOutcome:
        """Return what is known of all the request's writes, after `error` has ended it."""
        if self.doubtful or self.recorded is not None:
            return "unknown"
        return error.outcome or "not_written"

    def entries(self, *parts: Writable | Operation) -> tuple[AuditEntry, ...]:
        """Return the audit entries to commit with the write of these parts."""
        if self.recorded is not None:
            return ()
        made = None if self.receipt.id is not None else _created_id(parts)
        return (self.receipt.audit_entry(made),)


class UnitOfWork(WriteContext):
    """Collect the writes of a request with an idempotency key: `parts`, which take effect together
    or not at all.

    A session that it creates has a provisional key: -1 for the first, and so on. `refused` is the
    part that conflicted in an earlier attempt; deferring it again returns that conflict at once.
    `holds_locks` says whether other requests may be waiting for its locks.
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
        """Return the session that the request names, or that is behind the named resource, else the
        one that it creates."""
        named = self.receipt.id if self.receipt.kind in SESSION_LIKE_KINDS else None
        return named or _created_id(self.parts)

    @overload
    def defer(self, put: Create) -> Head | None: ...
    @overload
    def defer(self, put: Transaction) -> CreatedHeads | Conflicted: ...
    @overload
    def defer(self, put: Append | Replace | Delete) -> bool: ...
    def defer(self, put: Writable) -> Head | CreatedHeads | Conflicted | bool | None:
        """Defer a write and return its expected outcome."""
        parts = put.parts if isinstance(put, Transaction) else (put,)
        if (refused := self._refused(parts)) is not None:
            return None if isinstance(put, Create) else Conflicted(refused)
        made = tuple(self._head(part) for part in parts if isinstance(part, Create))
        self.parts += parts
        if isinstance(put, Transaction):
            return made
        return made[0] if isinstance(put, Create) else True

    def on_end(self, act: EndCallback) -> None:
        """Call `act` when the unit ends, to release what it holds: with the heads of the sessions
        created, in order, or None on rollback."""
        self._at_end.append(act)

    def after_end(self, act: EndCallback) -> None:
        """Call `act` after all callbacks of `on_end`; it may acquire locks that the unit has
        released."""
        self._afterwards.append(act)

    async def end(self, made: CreatedHeads | None) -> None:
        """Run all callbacks, even if some fail; raise the first error."""
        acts = (*self._at_end, *self._afterwards)
        self._at_end, self._afterwards = [], []
        errors = []
        for act in acts:
            try:
                await act(made)
            except BaseException as error:  # also on cancellation all locks are released
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
    """Make the writes of this block belong to the request."""
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
    """Return the id of the first session that is created."""
    for part in parts if isinstance(parts, tuple | list) else ():
        if isinstance(part, Transaction):
            return _created_id(part.parts)
        if isinstance(part, Create):
            return part.session_id
    return None
