"""What one request changes, and the row that goes on record with it in the same transaction.

A request that may change something runs inside an `Effect`. What works for no request, snapshots,
consolidation, eviction, never asks for one.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from semvec.store import Entry


@dataclass(frozen=True, slots=True)
class Receipt:
    """Who asks for what. Where a request names no `id` of this `kind`, what it comes to change
    does."""

    subject: str
    action: str
    kind: str
    id: str | None
    status: int
    request_id: str
    client_ip: str | None

    def entry(self, at: float, changed: str) -> Entry:
        return Entry(
            at=at,
            subject=self.subject,
            action=self.action,
            resource=f"{self.kind}/{self.id or changed}",
            status=self.status,
            request_id=self.request_id,
            client_ip=self.client_ip,
        )


class Effect:
    """A request's: the first of its writes that takes effect has the receipt with it."""

    __slots__ = ("receipt", "recorded")

    def __init__(self, receipt: Receipt) -> None:
        self.receipt = receipt
        self.recorded: Entry | None = None

    def entry(self, at: float, changed: str) -> Entry | None:
        """What the next write has to carry; `record` says that it did."""
        return self.receipt.entry(at, changed) if self.recorded is None else None

    def record(self, entry: Entry | None) -> None:
        self.recorded = self.recorded or entry


EFFECT: ContextVar[Effect | None] = ContextVar("effect", default=None)


@contextmanager
def doing(effect: Effect) -> Iterator[None]:
    """Whatever is changed within is this request's doing."""
    token = EFFECT.set(effect)
    try:
        yield
    finally:
        EFFECT.reset(token)
