"""What a request changes, and what goes on record of it in the same transaction.

A request that may change something runs inside an `Effect`. Whatever works for nobody's request,
snapshots, consolidation, eviction, never asks for it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from semvec.hot.copy import Hot, Name
from semvec.store import Entry, Part

EFFECT: ContextVar["Effect | None"] = ContextVar("effect", default=None)


@dataclass(frozen=True, slots=True)
class Receipt:
    """Who asks for what. Where the request itself names nothing of its `kind`, what it comes to
    change does."""

    subject: str
    action: str
    kind: str
    id: str | None
    status: int
    request_id: str
    client_ip: str | None

    def entry(self, at: float, name: Name) -> Entry:
        return Entry(
            at=at,
            subject=self.subject,
            action=self.action,
            resource=f"{self.kind}/{self.id or name[1]}",
            status=self.status,
            request_id=self.request_id,
            client_ip=self.client_ip,
        )


class Effect:
    """A request's; the first of its writes takes the receipt along."""

    __slots__ = ("receipt", "taken")

    def __init__(self, receipt: Receipt) -> None:
        self.receipt = receipt
        self.taken: Entry | None = None

    def take(self, at: float, name: Name) -> Entry | None:
        if self.taken is not None:
            return None
        self.taken = self.receipt.entry(at, name)
        return self.taken


class Unit(Effect):
    """That of a request with a key: `parts`, which are committed together with its answer.

    Until then its events are applied to copies whose locks it holds, and which nobody else may look
    at; sessions that it makes are known to it alone.
    """

    __slots__ = ("held", "made", "parts", "staged", "superseded")

    def __init__(self, receipt: Receipt) -> None:
        super().__init__(receipt)
        self.parts: list[Part] = []
        self.held: list[Hot] = []
        self.made: dict[Name, Hot] = {}
        self.superseded: list[tuple[Name, int]] = []
        self.staged: list[int] = []


class Outdated(Exception):
    """Another process was faster than a unit, which has to be made again."""


class Answered(Exception):
    """Another process has answered the same request meanwhile."""


@contextmanager
def doing(effect: Effect) -> Iterator[None]:
    """Whatever is changed within is this request's doing."""
    token = EFFECT.set(effect)
    try:
        yield
    finally:
        EFFECT.reset(token)


def unit_at_work() -> Unit | None:
    effect = EFFECT.get()
    return effect if isinstance(effect, Unit) else None
