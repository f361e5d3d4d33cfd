"""Requests with a key: carried out once, and answered alike however often they come."""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from semvec.clock import Clock
from semvec.errors import Fault, Invalid, NotFound, SemvecError, StillRunning, Unavailable
from semvec.store import (
    Kept,
    Made,
    Part,
    Receipt,
    Refused,
    Repeat,
    Store,
    Unit,
    doing,
)

log = logging.getLogger(__name__)

KEPT_S = 24 * 3600.0
ATTEMPTS = 100
"""Conflicts with other processes that one request survives."""
REFUSED = 400
"""Statuses from here on are those of answers that are not kept."""


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: bytes
    replayed: bool = False


@dataclass(frozen=True, slots=True)
class Asked:
    """A request with a key. `scope` is what makes it this one, `digest` tells its body from others,
    `act` carries it out, as a `once` that cannot be done anew."""

    receipt: Receipt
    scope: bytes
    digest: Callable[[], Awaitable[bytes]]
    act: Callable[[], Awaitable[Answer]]
    once: bool = False


class Repeats:
    """Answers are kept for a day, and for each subject no more than the newest `bound`."""

    def __init__(self, store: Store, clock: Clock, bound: int) -> None:
        self._store, self._clock, self._bound = store, clock, bound
        self._running: set[bytes] = set()
        self._grown: set[str] = set()

    async def answer(self, asked: Asked) -> Answer:
        """Raises StillRunning while the same request is being carried out here, Invalid where its
        key came with another body before."""
        if asked.scope in self._running:
            raise StillRunning("a request with this Idempotency-Key is still being carried out")
        self._running.add(asked.scope)
        try:
            return await self._known(asked) or await self._carried_out(asked)
        except Unavailable as error:
            error.outcome = error.outcome or "not_written"
            raise
        finally:
            self._running.discard(asked.scope)

    async def sweep(self) -> None:
        """Forget what is too old or too much."""
        grown, self._grown = self._grown, set()
        try:
            for subject in grown:
                await self._store.crop(subject, self._bound)
            await self._store.forget(self._expired())
        except SemvecError as error:
            self._grown |= grown
            log.warning("old answers stay for now: %s", error)

    async def _known(self, asked: Asked) -> Answer | None:
        kept = await self._store.kept(asked.scope, self._expired())
        return None if kept is None else again(kept, await asked.digest())

    async def _carried_out(self, asked: Asked) -> Answer:
        refused: Part | None = None
        for _ in range(1 if asked.once else ATTEMPTS):
            done = await self._attempt(asked, Unit(asked.receipt, refused))
            if isinstance(done, Answer):
                return done
            if isinstance(done, Repeat) and (known := await self._known(asked)) is not None:
                return known
            refused = done
        raise Unavailable("too many writers at once")

    async def _attempt(self, asked: Asked, unit: Unit) -> Answer | Part:
        """The answer; or what another process has been faster with, and nothing is done."""
        try:
            return await self._done(asked, unit)
        except Unavailable as error:
            error.outcome = unit.outcome(error)
            raise

    async def _done(self, asked: Asked, unit: Unit) -> Answer | Part:
        written: Made | Refused | None = None
        try:
            with doing(unit):
                answer = await asked.act()
            if answer.status >= REFUSED:
                return answer
            written = await self._store.end(unit, await self._repeat(asked, unit, answer))
            unit.doubtful = not isinstance(written, Refused)
        finally:
            await unit.end(None if isinstance(written, Refused) else written)
        if isinstance(written, Refused):
            return written.part
        self._grown.add(asked.receipt.subject)
        return answer

    async def _repeat(self, asked: Asked, unit: Unit, answer: Answer) -> Repeat:
        return Repeat(
            scope=asked.scope,
            subject=asked.receipt.subject,
            about=unit.about,
            digest=await asked.digest(),
            at=self._clock(),
            expired=self._expired(),
            status=answer.status,
            body=answer.body,
        )

    def _expired(self) -> float:
        return self._clock() - KEPT_S


def again(kept: Kept, digest: bytes) -> Answer:
    if kept.digest != digest:
        raise Invalid(
            Fault(
                loc=["header", "Idempotency-Key"],
                msg="this key came with another body before",
                type="idempotency_key_reused",
            )
        )
    if kept.body is None:
        raise NotFound("this request was answered before, and the answer went with its session")
    return Answer(kept.status, kept.body, replayed=True)
