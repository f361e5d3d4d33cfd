"""Requests with an idempotency key: executed once, and answered the same each time."""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from semvec.clock import Clock
from semvec.errors import FieldFault, Invalid, NotFound, SemvecError, StillRunning, Unavailable
from semvec.store import (
    AnswerRow,
    AuditInfo,
    Conflicted,
    CreatedHeads,
    Operation,
    Store,
    StoredAnswer,
    UnitOfWork,
    write_context,
)

log = logging.getLogger(__name__)

ANSWER_TTL_S = 24 * 3600.0
MAX_REQUEST_ATTEMPTS = 100
"""Conflicts with other processes before a request fails."""
FIRST_ERROR_STATUS = 400
"""Answers from this status on are not stored."""


@dataclass(frozen=True, slots=True)
class StoredResponse:
    status: int
    body: bytes
    replayed: bool = False


@dataclass(frozen=True, slots=True)
class IdempotentRequest:
    """A request with a key. `scope` identifies it, `digest` hashes its body, `handle` executes it.
    With `single_attempt` it cannot be executed again after a conflict."""

    receipt: AuditInfo
    scope: bytes
    digest: Callable[[], Awaitable[bytes]]
    handle: Callable[[], Awaitable[StoredResponse]]
    single_attempt: bool = False


class IdempotencyService:
    """Stores answers for a day, at most the newest `bound` of each subject."""

    def __init__(self, store: Store, clock: Clock, bound: int) -> None:
        self._store, self._clock, self._bound = store, clock, bound
        self._running: set[bytes] = set()
        self._grown: set[str] = set()

    async def answer(self, asked: IdempotentRequest) -> StoredResponse:
        """Return the answer, stored or new.

        Raises StillRunning while this process executes the same request, and Invalid if its key
        came with another body before.
        """
        if asked.scope in self._running:
            raise StillRunning("a request with this Idempotency-Key is still being carried out")
        self._running.add(asked.scope)
        try:
            return await self._find_answer(asked) or await self._execute(asked)
        except Unavailable as error:
            error.outcome = error.outcome or "not_written"
            raise
        finally:
            self._running.discard(asked.scope)

    async def sweep(self) -> None:
        """Delete answers that are too old or too many."""
        grown, self._grown = self._grown, set()
        try:
            for subject in grown:
                await self._store.trim_answers(subject, self._bound)
            await self._store.expire_answers(self._expired())
        except SemvecError as error:
            self._grown |= grown
            log.warning("old answers stay for now: %s", error)

    async def _find_answer(self, asked: IdempotentRequest) -> StoredResponse | None:
        kept = await self._store.stored_answer(asked.scope, self._expired())
        return None if kept is None else replay(kept, await asked.digest())

    async def _execute(self, asked: IdempotentRequest) -> StoredResponse:
        refused: Operation | None = None
        for _ in range(1 if asked.single_attempt else MAX_REQUEST_ATTEMPTS):
            done = await self._attempt(asked, UnitOfWork(asked.receipt, refused))
            if isinstance(done, StoredResponse):
                return done
            if (
                isinstance(done, AnswerRow)
                and (known := await self._find_answer(asked)) is not None
            ):
                return known
            refused = done
        raise Unavailable("too many writers at once")

    async def _attempt(
        self, asked: IdempotentRequest, unit: UnitOfWork
    ) -> StoredResponse | Operation:
        """Return the answer, or the operation that conflicted; then nothing was written."""
        try:
            return await self._done(asked, unit)
        except Unavailable as error:
            error.outcome = unit.outcome(error)
            raise

    async def _done(self, asked: IdempotentRequest, unit: UnitOfWork) -> StoredResponse | Operation:
        written: CreatedHeads | Conflicted | None = None
        try:
            with write_context(unit):
                answer = await asked.handle()
            if answer.status >= FIRST_ERROR_STATUS:
                return answer
            written = await self._store.commit(unit, await self._repeat(asked, unit, answer))
            unit.doubtful = not isinstance(written, Conflicted)
        finally:
            await unit.end(None if isinstance(written, Conflicted) else written)
        if isinstance(written, Conflicted):
            return written.part
        self._grown.add(asked.receipt.subject)
        return answer

    async def _repeat(
        self, asked: IdempotentRequest, unit: UnitOfWork, answer: StoredResponse
    ) -> AnswerRow:
        return AnswerRow(
            scope=asked.scope,
            subject=asked.receipt.subject,
            session_id=unit.session_id,
            digest=await asked.digest(),
            at=self._clock(),
            expired=self._expired(),
            status=answer.status,
            body=answer.body,
        )

    def _expired(self) -> float:
        return self._clock() - ANSWER_TTL_S


def replay(kept: StoredAnswer, digest: bytes) -> StoredResponse:
    if kept.digest != digest:
        raise Invalid(
            FieldFault(
                loc=["header", "Idempotency-Key"],
                msg="this key came with another body before",
                type="idempotency_key_reused",
            )
        )
    if kept.body is None:
        raise NotFound("this request was answered before, and the answer went with its session")
    return StoredResponse(kept.status, kept.body, replayed=True)
